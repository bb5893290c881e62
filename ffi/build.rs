//! Gives the shared library the name that programs look for at run time: it carries the ABI's version, so
//! that a program never meets a library that it was not built for.

#[path = "src/abi.rs"]
#[allow(unreachable_pub, reason = "public in the library, which is its other place")]
mod abi;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/abi.rs");
    let version = abi::SESSILE_ABI_VERSION;
    match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("macos" | "ios") => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libsessile.{version}.dylib");
        }
        Ok("windows") | Err(_) => {}
        Ok(_) => println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libsessile.so.{version}"),
    }
}
