//! Payloads that say whose they are: what a read gives can be told from what was never stored.

/// The payload of `len` bytes or a few more that `name` was given the `number`th time.
#[must_use]
pub fn of(name: &str, number: u32, len: usize) -> Vec<u8> {
    let mut payload = format!("{name}|{number}|{len}|").into_bytes();
    payload.resize(len.max(payload.len()), number as u8);
    payload
}

/// Whether `name` may have been given this.
#[must_use]
pub fn is_of(name: &str, payload: &[u8]) -> bool {
    let said = || {
        let mut parts = payload.splitn(4, |byte| *byte == b'|').skip(1);
        let mut number = || std::str::from_utf8(parts.next()?).ok()?.parse::<usize>().ok();
        Some((number()?, number()?))
    };
    said().is_some_and(|(number, len)| len <= 16 << 20 && payload == of(name, number as u32, len))
}
