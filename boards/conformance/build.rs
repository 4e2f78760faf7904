//! Links the programs.

#[path = "../whole_machine.rs"]
mod whole_machine;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    whole_machine::place("4M")
}
