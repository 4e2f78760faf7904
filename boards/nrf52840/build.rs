//! Links the bootloader at the `boot` region of its board.

#[path = "../description.rs"]
mod description;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    description::place("nrf52840", "boot")
}
