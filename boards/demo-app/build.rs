//! Links the application at the `active` region of its board.

#[path = "../description.rs"]
mod description;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let board = if std::env::var_os("CARGO_FEATURE_AN505").is_some() {
        "qemu-an505"
    } else {
        "qemu-an386"
    };
    description::place(board, "active")
}
