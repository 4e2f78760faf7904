//! A TUF client whose every decision is made on an emulated Cortex-M4F: the half that moves bytes.
//!
//! It speaks the protocol of the public conformance suite (docs/conformance.md) and takes, besides, the program for the chip.
//! It fetches what the chip asks for, keeps what the chip says may be kept, and exits as the chip ends: 0 or 1, or 3 where
//! there is no answer. It reads no metadata and checks nothing.

mod chip;
mod folder;
mod order;
mod web;
#[path = "../../../boards/conformance/src/wire.rs"]
mod wire;

use std::env;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use chip::Chip;
use folder::Folder;
use order::{Order, Task};
use web::Web;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(3)
        }
    }
}

fn run() -> Result<bool> {
    let order = Order::read(env::args().skip(1))?;
    // One client at a time in a folder.
    let kept = Folder::locked(&order.metadata)?;
    let web = Web::default();
    let mut chip = Chip::power(&order.program)?;
    chip.begin(&order)?;
    loop {
        let question = chip.question()?;
        let name = question.name.as_str();
        let most = u64::from(question.most);
        let answer = match question.word {
            wire::METADATA => web.fetch(&order.metadata_url, name, most),
            wire::TARGET => web.fetch(&order.target_url, name, most),
            wire::GIVEN => match &order.task {
                Task::Init(root) => folder::bring(root, most),
                _ => bail!("the chip asks for a root, and none was given"),
            },
            wire::KEPT => kept.bring(name, most),
            wire::KEEP => kept.keep(name, &question.body),
            wire::FORGET => kept.forget(name),
            wire::PLACED => downloads(&order)?.bring(&local(name), most),
            wire::PLACE => downloads(&order)?.keep(&local(name), &question.body),
            wire::SAY => {
                eprintln!("chip: {}", String::from_utf8_lossy(&question.body));
                continue;
            }
            wire::YES => return Ok(true),
            wire::NO => return Ok(false),
            word => bail!("the chip says {word:#04x}, which is no word"),
        };
        chip.answer(&answer)?;
    }
}

fn downloads(order: &Order) -> Result<Folder> {
    let path = order.downloads.as_deref();
    Folder::open(path.context("--target-dir is missing")?)
}

/// A target's path as the name of one file.
fn local(path: &str) -> String {
    web::escaped(path, b"-_ ")
}
