//! The version of the binary interface. Alone in its file, since the build script reads it as well.

/// The version of the binary interface that this header describes.
///
/// It is raised when something that programs were built against changes or goes away, never when something is
/// added. It ends the shared library's name (`libsessile.so.1`), so that the dynamic linker keeps apart what does
/// not fit. A program that loads the library itself compares this with `sessile_abi_version()`.
pub const SESSILE_ABI_VERSION: u32 = 1;
