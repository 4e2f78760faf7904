//! Our boards in QEMU: the bootloader on an emulated core, and a file that is its flash.
//!
//! Takes flash, gives a running chip that is asked, reset and listened to. It ends with the value.
#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use cuff_bootloader::mailbox::{self, MAIL, Mailbox};
use cuff_bootloader::report::Report;
use serde_json::{Value, json};
use virtual_probe::qemu::{connect, machine as words};

use crate::boards::programs;

/// A board that QEMU has a model of.
#[derive(Debug, Eq, PartialEq)]
pub struct Machine {
    /// Ours, by name.
    pub board: &'static str,
    /// QEMU's name for it.
    model: &'static str,
    /// Where the core takes its first stack and entry from.
    vectors: u32,
    /// Where the bootloader's RAM begins, and where its stack begins to grow down.
    stack: (u32, u32),
    /// What outlives a reset.
    retained: u32,
    /// Where its flash begins.
    flash: u32,
    /// The suffix of the demo band's files.
    suffix: &'static str,
}

/// A Cortex-M4F.
pub const AN386: Machine = Machine {
    board: "qemu-an386",
    model: "mps2-an386",
    vectors: 0,
    stack: (0x2000_0000, 0x2004_0000 - mailbox::LENGTH),
    retained: 0x2004_0000 - mailbox::LENGTH,
    flash: 0x2100_0000,
    suffix: "",
};

/// A Cortex-M33 with `TrustZone`.
pub const AN505: Machine = Machine {
    board: "qemu-an505",
    model: "mps2-an505",
    vectors: 0x1000_0000,
    stack: (0x3800_0000, 0x3804_0000),
    retained: 0x2808_0000 - mailbox::LENGTH,
    flash: 0x8000_0000,
    suffix: "-an505",
};

impl Machine {
    /// Its description.
    pub fn description(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("boards/{}/board.toml", self.board))
    }

    /// A kind of the demo band, built for it.
    pub fn band(&self, kind: &str) -> &'static [u8] {
        program(&format!("{kind}{}", self.suffix))
    }
}

/// A chip under power.
pub struct Qemu {
    machine: &'static Machine,
    child: Child,
    folder: tempfile::TempDir,
    control: BufReader<UnixStream>,
    flash: File,
}

/// How time passes on the chip: one nanosecond an instruction, however busy the machine is that emulates it.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Clock {
    /// While it sleeps, as on the wall.
    Waiting,
    /// Sleep takes none: a watchdog bites at once, and at the same instruction every time.
    Instructions,
}

impl Qemu {
    /// A chip with this flash, from its first byte on, halted before the first instruction. With `asking` every boot finds a
    /// host's request, and holds.
    pub fn new(machine: &'static Machine, flash: &[u8], asking: bool, clock: Clock) -> Self {
        Self::with(machine, flash, asking, clock, SOCKET, |_| ())
    }

    /// The same, without a request, with its serial line on a terminal, as stock tools want it; gives where.
    pub fn on_a_terminal(machine: &'static Machine, flash: &[u8]) -> (Self, String) {
        let terminal = "pty,id=line";
        let mut chip = Self::with(machine, flash, false, Clock::Instructions, terminal, |_| ());
        let line = chip.line_name();
        let path = line.strip_prefix("pty:").expect(&line).to_owned();
        (chip, path)
    }

    /// A chip that is asked and loses its power right after this many stores into flash; 0 never comes.
    pub fn to_be_cut(machine: &'static Machine, flash: &[u8], stores: u64) -> Self {
        let plugin = format!(
            "{},flash={},length={},cut={stores}",
            cut_plugin().display(),
            machine.flash,
            flash.len()
        );
        Self::with(machine, flash, true, Clock::Waiting, SOCKET, |command| {
            command.args(["-plugin", &plugin]).stderr(Stdio::piped());
        })
    }

    fn with(
        machine: &'static Machine,
        flash: &[u8],
        asking: bool,
        clock: Clock,
        line: &str,
        more: impl FnOnce(&mut Command),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let nv = File::create_new(at("nv.bin")).unwrap();
        nv.write_all_at(&vec![0xff; PSRAM], 0).unwrap();
        let bootloader = program(machine.board);
        // The core takes its first stack and entry from a place where these boards have no flash.
        fs::write(at("vectors.bin"), &bootloader[..8]).unwrap();
        fs::write(at("ask.bin"), Mailbox::request(&NONCE).0).unwrap();
        let (bottom, top) = machine.stack;
        fs::write(at("paint.bin"), vec![PAINT; (top - bottom) as usize]).unwrap();
        let loaded = |name: &str, address: u32| {
            format!("loader,file={},addr={address:#x}", at(name).display())
        };
        let mut command = Command::new("qemu-system-arm");
        command
            .args(words(machine.model, &at("nv.bin")))
            .args(["-device", &loaded("vectors.bin", machine.vectors)])
            .arg("-chardev")
            .arg(format!("{line},logfile={}", at("uart.txt").display()))
            .args(["-serial", "chardev:line"])
            .arg("-qmp")
            .arg(format!(
                "unix:{},server=on,wait=off",
                at("control").display()
            ))
            .stdin(Stdio::null());
        more(&mut command);
        if asking {
            command.args(["-device", &loaded("ask.bin", machine.retained)]);
            command.args(["-device", &loaded("paint.bin", bottom)]);
        }
        command.args(match clock {
            Clock::Waiting => ["-icount", "shift=0"],
            Clock::Instructions => ["-icount", "shift=0,sleep=off"],
        });
        let child = command
            .spawn()
            .expect("qemu-system-arm starts; `cargo xtask setup` installs it");
        let control = BufReader::new(connect(&at("control")).unwrap());
        let mut chip = Self {
            machine,
            child,
            folder,
            control,
            flash: nv,
        };
        chip.line();
        chip.command("qmp_capabilities", &json!({}));
        chip.put(flash);
        chip
    }

    /// Replaces the flash behind the chip's back; the bootloader is put in its place.
    pub fn put(&mut self, flash: &[u8]) {
        self.flash.write_all_at(flash, 0).unwrap();
        self.flash
            .write_all_at(program(self.machine.board), 0)
            .unwrap();
    }

    /// The first `length` bytes of flash.
    pub fn flash(&self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.flash.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    /// Runs on.
    pub fn go(&mut self) {
        self.command("cont", &json!({}));
    }

    /// Halts, wherever it is.
    pub fn halt(&mut self) {
        self.command("stop", &json!({}));
    }

    /// Power goes, wherever it is.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Runs a chip that is to be cut until power has gone.
    pub fn run_to_its_cut(mut self, length: usize) -> Vec<u8> {
        let line = json!({"execute": "cont"}).to_string();
        self.control.get_mut().write_all(line.as_bytes()).unwrap();
        let start = Instant::now();
        let ended = loop {
            match self.child.try_wait().unwrap() {
                Some(ended) => break ended,
                None => assert!(start.elapsed() < PATIENCE, "power did not go"),
            }
            sleep(Duration::from_millis(2));
        };
        assert_eq!(ended.code(), Some(CUT), "QEMU ended by itself");
        self.flash(length)
    }

    /// Runs a chip that is never cut until its bootloader holds; gives its answer, and how many stores into flash there were.
    pub fn run_and_count(mut self) -> (Report, u64) {
        self.go();
        let report = self.report();
        let line = json!({"execute": "quit"}).to_string();
        self.control.get_mut().write_all(line.as_bytes()).unwrap();
        self.child.wait().unwrap();
        let mut said = String::new();
        let mut stream = self.child.stderr.take().unwrap();
        stream.read_to_string(&mut said).unwrap();
        let counted = said.lines().find_map(|line| line.strip_suffix(" stores"));
        (report, counted.expect(&said).parse().unwrap())
    }

    /// Resets; RAM keeps what it holds.
    pub fn reset(&mut self) {
        // The event may come before the answer.
        if !self.command("system_reset", &json!({})) {
            while self.line()["event"] != "RESET" {}
        }
    }

    /// How deep the stack of the bootloader that holds has been since the reset.
    pub fn deepest(&mut self) -> u32 {
        let copy = self.folder.path().join("stack.bin");
        let (bottom, top) = self.machine.stack;
        self.command(
            "pmemsave",
            &json!({"val": bottom, "size": top - bottom, "filename": copy}),
        );
        let untouched = fs::read(&copy)
            .unwrap()
            .iter()
            .take_while(|byte| **byte == PAINT)
            .count();
        top - bottom - u32::try_from(untouched).unwrap()
    }

    /// The bootloader's answer, once it holds.
    pub fn report(&mut self) -> Report {
        let copy = self.folder.path().join("mail.bin");
        let start = Instant::now();
        loop {
            self.command(
                "pmemsave",
                &json!({"val": self.machine.retained, "size": MAIL, "filename": copy}),
            );
            let mail = Mailbox(fs::read(&copy).unwrap().try_into().unwrap());
            if mail.state() == mailbox::HOLDING {
                return mail.report(&NONCE).expect("it answers what it was asked");
            }
            assert!(
                start.elapsed() < PATIENCE,
                "the bootloader does not answer: {:?}, said: {}",
                mail.state(),
                self.said()
            );
            sleep(Duration::from_millis(2));
        }
    }

    /// All that was said on the serial line.
    fn said(&self) -> String {
        let said = fs::read(self.folder.path().join("uart.txt")).unwrap_or_default();
        String::from_utf8_lossy(&said).into_owned()
    }

    /// All that was said on the serial line, once `words` were among it.
    pub fn hear(&self, words: &str) -> String {
        let start = Instant::now();
        loop {
            let said = self.said();
            if said.contains(words) {
                return said;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "`{words}` was not said, but: {said}"
            );
            sleep(Duration::from_millis(5));
        }
    }

    /// The port of this machine behind which the serial line is.
    pub fn line_port(&mut self) -> u16 {
        let line = self.line_name();
        let port = line.split(',').next().unwrap().rsplit(':').next();
        port.unwrap().parse().unwrap()
    }

    /// What QEMU calls the place where the serial line is.
    fn line_name(&mut self) -> String {
        let lines = self.ask("query-chardev");
        let mut lines = lines.as_array().unwrap().iter();
        let line = lines.find(|line| line["label"] == "line").unwrap();
        line["filename"].as_str().unwrap().to_owned()
    }

    /// Asks; events that come between are of no interest.
    fn ask(&mut self, name: &str) -> Value {
        let line = json!({"execute": name}).to_string();
        self.control.get_mut().write_all(line.as_bytes()).unwrap();
        loop {
            let mut answer = self.line();
            if answer.get("return").is_some() {
                return answer["return"].take();
            }
        }
    }

    /// Gives an order; says whether the chip was reset before the answer came.
    fn command(&mut self, name: &str, arguments: &Value) -> bool {
        let line = json!({"execute": name, "arguments": arguments}).to_string();
        self.control.get_mut().write_all(line.as_bytes()).unwrap();
        let mut reset = false;
        loop {
            let answer = self.line();
            reset |= answer["event"] == "RESET";
            assert!(answer.get("error").is_none(), "{name}: {answer}");
            if answer.get("return").is_some() {
                return reset;
            }
        }
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        let read = self.control.read_line(&mut line).unwrap();
        assert!(read > 0, "QEMU went away");
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program of `boards/`, as it lies in flash.
pub fn program(name: &str) -> &'static [u8] {
    let file = programs().join(format!("{name}.bin"));
    Box::leak(fs::read(file).unwrap().into_boxed_slice())
}

/// The plugin that takes power away, built for the QEMU that is installed.
fn cut_plugin() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let asked = Command::new("qemu-system-arm").arg("--version").output();
        let said = asked.expect("qemu-system-arm starts; `cargo xtask setup` installs it");
        let said = String::from_utf8(said.stdout).unwrap();
        let version = said
            .split(' ')
            .nth(3)
            .and_then(|text| text.split('.').next());
        let second = version.expect(&said).parse::<u32>().unwrap() >= 9;
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cut-plugin");
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args([
                "build",
                "--quiet",
                "--locked",
                "--package",
                "cut-plugin",
                "--target-dir",
            ])
            .arg(&target)
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        if second {
            cargo.args(["--features", "second-version"]);
        }
        assert!(
            cargo.status().unwrap().success(),
            "the plugin does not build"
        );
        target.join("debug/libcut_plugin.so")
    })
}

/// A serial line that anybody on this machine may open, once.
const SOCKET: &str = "socket,id=line,host=127.0.0.1,port=0,server=on,wait=off";
/// What a plugin ends QEMU with.
const CUT: i32 = 99;
/// What QEMU insists on.
const PSRAM: usize = 16 << 20;
/// What a stack that was never reached looks like.
const PAINT: u8 = 0xa5;
const NONCE: [u8; 16] = *b"a host asks once";
const PATIENCE: Duration = Duration::from_mins(1);
