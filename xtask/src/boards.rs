//! The programs for chips: every folder of `boards/` that has a `Cargo.toml`.
//!
//! Takes the folder; gives built ELF files, whose bytes depend on the sources and the compiler and on
//! nothing else: not on where the checkout or cargo's home lie, nor on the caller's environment.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use object::read::elf::{ElfFile32, ProgramHeader};
use object::{Endianness, elf};
use toml::{Table, Value};

use crate::code;
use crate::compiler;
use crate::place;
use crate::tool::Tool;

/// A program in `boards/`.
pub struct Program {
    name: String,
    target: String,
    host_tests: bool,
}

/// All of them, by name. Each names its target under `[package.metadata.board]`; the host tests those with a `[lib]` that
/// does not say `test = false`.
pub fn programs() -> Result<Vec<Program>> {
    let folder = place::root().join("boards");
    let mut programs = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("no {}", folder.display()))? {
        let package = entry?.path();
        let manifest = package.join("Cargo.toml");
        if !manifest.is_file() {
            continue;
        }
        let text = fs::read_to_string(&manifest)?;
        let table: Table = text
            .parse()
            .with_context(|| format!("{} is no TOML", manifest.display()))?;
        let section = table.get("package");
        let string = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let name = string(section.and_then(|package| package.get("name")));
        let target = string(
            section
                .and_then(|package| package.get("metadata"))
                .and_then(|metadata| metadata.get("board"))
                .and_then(|board| board.get("target")),
        );
        let host_tests = table
            .get("lib")
            .is_some_and(|lib| lib.get("test").and_then(Value::as_bool).unwrap_or(true));
        let (Some(name), Some(target)) = (name, target) else {
            bail!(
                "{} has no [package.metadata.board] with the target it is built for",
                manifest.display()
            );
        };
        programs.push(Program {
            name,
            target,
            host_tests,
        });
    }
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(programs)
}

/// The program of this name.
pub fn program(name: &str) -> Result<Program> {
    programs()?
        .into_iter()
        .find(|program| program.name == name)
        .with_context(|| format!("boards/ has no program {name}"))
}

impl Program {
    /// Builds one binary as it is delivered, with `features` (separated by commas); gives its ELF file.
    pub fn build(&self, binary: &str, features: &str) -> Result<PathBuf> {
        self.binary(binary, &[&format!("--features={features}")])
    }

    /// The same without what is on by default.
    pub fn build_bare(&self, binary: &str) -> Result<PathBuf> {
        self.binary(binary, &["--no-default-features"])
    }

    /// The same code, with the names of its functions.
    pub fn build_with_names(&self, binary: &str) -> Result<PathBuf> {
        self.binary(binary, &[NAMES])
    }

    /// The same code, with those and the source lines it was made from.
    pub fn build_with_lines(&self, binary: &str) -> Result<PathBuf> {
        self.binary(
            binary,
            &[NAMES, "--config=profile.release.debug=\"line-tables-only\""],
        )
    }

    fn binary(&self, binary: &str, options: &[&str]) -> Result<PathBuf> {
        options
            .iter()
            .fold(
                self.cargo("build --release").words("--bin").arg(binary),
                Tool::arg,
            )
            .run()?;
        Ok(target_directory()
            .join(&self.target)
            .join("release")
            .join(binary))
    }

    fn cargo(&self, words: &str) -> Tool {
        clean(Tool::cargo(words))
            .words("--quiet --locked --package")
            .arg(&self.name)
            .words("--target")
            .arg(&self.target)
    }
}

/// Builds every program.
pub fn build() -> Result<()> {
    for program in programs()? {
        program.cargo("build --release").run()?;
    }
    Ok(())
}

/// Builds what is delivered to chips, into `boards/target/programs`: bootloaders, every kind of demo band, and the TUF client,
/// each as the bytes that lie in flash.
pub fn deliver() -> Result<()> {
    let _lock = lock()?;
    for delivered in DELIVERED {
        let (name, elf) = delivered.build()?;
        put(&format!("{name}.bin"), &flat(&elf)?)?;
    }
    Ok(())
}

/// Builds a bootloader as it is delivered, and writes what its code is beside it, into `boards/target/programs/NAME.map`.
pub fn map(name: &str) -> Result<()> {
    let _lock = lock()?;
    let program = program(name)?;
    let delivered = flat(&program.build(name, "")?)?;
    let elf = program.build_with_lines(name)?;
    ensure!(
        flat(&elf)? == delivered,
        "{name} with names and lines is another program"
    );
    put(&format!("{name}.bin"), &delivered)?;
    put(&format!("{name}.map"), code::map(&elf)?.as_bytes())
}

/// Kinds of one program are built in the same place, and tests ask for them side by side.
fn lock() -> Result<fs::File> {
    let folder = target_directory().join("programs");
    fs::create_dir_all(&folder)?;
    let lock = fs::File::create(folder.join("lock"))?;
    lock.lock()?;
    Ok(lock)
}

/// Not written when it is the same: a test that is running may be reading it.
fn put(name: &str, bytes: &[u8]) -> Result<()> {
    let file = target_directory().join("programs").join(name);
    if fs::read(&file).is_ok_and(|before| before == bytes) {
        return Ok(());
    }
    fs::write(&file, bytes).with_context(|| format!("could not write {}", file.display()))
}

/// A program that is delivered to a chip.
struct Delivered {
    name: &'static str,
    package: &'static str,
    binary: &'static str,
    features: &'static str,
}

const fn bootloader(board: &'static str) -> Delivered {
    Delivered {
        name: board,
        package: board,
        binary: board,
        features: "",
    }
}

const fn band(name: &'static str, features: &'static str) -> Delivered {
    Delivered {
        name,
        package: BAND,
        binary: BAND,
        features,
    }
}

const BAND: &str = "demo-app";

const fn client(binary: &'static str) -> Delivered {
    Delivered {
        name: binary,
        package: "conformance",
        binary,
        features: "",
    }
}

const DELIVERED: [Delivered; 16] = [
    bootloader("qemu-an386"),
    band("band", ""),
    band("band-2", "second"),
    band("band-sick", "second,sick"),
    band("band-evil", "second,evil"),
    bootloader("qemu-an505"),
    band("band-an505", "an505"),
    band("band-2-an505", "an505,second"),
    band("band-evil-an505", "an505,second,evil"),
    band("band-nrf52840", "nrf52840"),
    band("band-2-nrf52840", "nrf52840,second"),
    band("band-sick-nrf52840", "nrf52840,second,sick"),
    band("band-evil-nrf52840", "nrf52840,second,evil"),
    client("conformance"),
    client("contrary"),
    client("credulous"),
];

/// Builds every kind of demo band in turn, for `see`: all lie in the same place.
pub fn each_band(mut see: impl FnMut(&'static str, &Path) -> Result<()>) -> Result<()> {
    let _lock = lock()?;
    for band in DELIVERED.iter().filter(|it| it.package == BAND) {
        let (name, elf) = band.build()?;
        see(name, &elf)?;
    }
    Ok(())
}

impl Delivered {
    fn program(&self) -> Result<Program> {
        let mut program = program(self.package)?;
        // The band runs on more than one board; its manifest names the target of the first.
        if self.features.starts_with("an505") {
            TRUSTZONE.clone_into(&mut program.target);
        }
        Ok(program)
    }

    fn build(&self) -> Result<(&'static str, PathBuf)> {
        Ok((
            self.name,
            self.program()?.build(self.binary, self.features)?,
        ))
    }
}

const TRUSTZONE: &str = "thumbv8m.main-none-eabihf";

/// What of an ELF file lies in flash, from its lowest address on.
pub fn flat(elf: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(elf)?;
    let file = ElfFile32::<Endianness>::parse(&*bytes)
        .with_context(|| format!("{} is no ELF file", elf.display()))?;
    let endian = file.endian();
    let mut segments = Vec::new();
    for segment in file.elf_program_headers() {
        let data = segment
            .data(endian, &*bytes)
            .ok()
            .filter(|data| !data.is_empty() && segment.p_type(endian) == elf::PT_LOAD);
        segments.extend(data.map(|data| (segment.p_paddr(endian), data)));
    }
    segments.sort_by_key(|(address, _)| *address);
    let start = segments.first().context("nothing is loaded")?.0;
    let mut flat = Vec::new();
    for (address, data) in segments {
        flat.resize((address - start) as usize, 0xff);
        flat.extend_from_slice(data);
    }
    Ok(flat)
}

/// Formatting and lints of every program, and of every kind that is delivered.
pub fn lint() -> Result<()> {
    clean(Tool::cargo("fmt --all --check")).run()?;
    for program in programs()? {
        program.cargo("clippy").words("-- -D warnings").run()?;
    }
    for kind in DELIVERED.iter().filter(|it| !it.features.is_empty()) {
        let features = format!("--features={}", kind.features);
        let lint = kind.program()?.cargo("clippy").arg(&features);
        lint.words("-- -D warnings").run()?;
    }
    Ok(())
}

/// The tests of those parts that need no chip, with no feature and with all.
pub fn test() -> Result<()> {
    for program in programs()?.iter().filter(|program| program.host_tests) {
        for features in ["--no-default-features", "--all-features"] {
            clean(Tool::cargo("test --locked --quiet --lib --package"))
                .arg(&program.name)
                .arg(features)
                .run()?;
        }
    }
    Ok(())
}

/// Leaves the names of functions in the file.
const NAMES: &str = "--config=profile.release.strip=\"none\"";

fn target_directory() -> PathBuf {
    place::root().join("boards/target")
}

/// Takes out of the environment what would change the bytes, and the checkout's path out of the program.
fn clean(tool: Tool) -> Tool {
    let changes_bytes = |name: &str| {
        ["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_TARGET_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
            || ["RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"].contains(&name)
    };
    let tool = env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| changes_bytes(name))
        .fold(tool, Tool::without);
    let cargo_home = env::var("CARGO_HOME")
        .or_else(|_| env::var("HOME").map(|home| format!("{home}/.cargo")))
        .unwrap_or_default();
    let flags = [
        format!("--remap-path-prefix={}=cuff", place::root().display()),
        format!("--remap-path-prefix={cargo_home}=cargo"),
    ];
    compiler::stand_in(tool)
        .directory(&place::root().join("boards"))
        .env("CARGO_TARGET_DIR", target_directory())
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
}
