//! Text for C: UTF-8 that ends with a zero.

use std::ffi::CString;

/// `text` with a zero at its end. A zero within it, which no sentence has, ends it there.
pub(crate) fn to_c(text: String) -> CString {
    CString::new(text).unwrap_or_else(|error| {
        let end = error.nul_position();
        let mut bytes = error.into_vec();
        bytes.truncate(end);
        CString::new(bytes).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_within_a_text_ends_it() {
        assert_eq!(to_c("a sentence".to_owned()).as_c_str(), c"a sentence");
        assert_eq!(to_c("a\0b".to_owned()).as_c_str(), c"a");
    }
}
