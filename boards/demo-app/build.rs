//! Links the application at the `active` region of its board.

#[path = "../description.rs"]
mod description;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let has = |feature| std::env::var_os(feature).is_some();
    let board = if has("CARGO_FEATURE_AN505") {
        "qemu-an505"
    } else if has("CARGO_FEATURE_NRF52840") {
        "nrf52840"
    } else {
        "qemu-an386"
    };
    description::place(board, "active")
}
