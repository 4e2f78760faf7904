//! Hands the linker its script: the code lies where `boards/qemu-an386/chip.yaml` says a probe loads it.

fn main() {
    println!("cargo::rerun-if-changed=place.x");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "none") {
        let here = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-search={here}");
        println!("cargo::rustc-link-arg-bins=-Tplace.x");
        println!("cargo::rustc-link-arg-bins=--nmagic");
    }
}
