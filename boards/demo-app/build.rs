//! Links the application at the `active` region of the qemu-an386 board.

#[path = "../description.rs"]
mod description;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    description::place("qemu-an386", "active")
}
