//! Installs what the full test needs besides Rust itself.
//!
//! Takes the machine as it is; as root on Debian it installs packages, elsewhere it says which are missing.
//! Python packages and tools go into `target/tools`. Does nothing that was done before.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::dependencies;
use crate::place;
use crate::tool::Tool;

/// Every target that the verifier and the bootloader must build for.
pub const TARGETS: [&str; 4] = [
    "thumbv7em-none-eabihf",
    "thumbv8m.main-none-eabihf",
    "thumbv6m-none-eabi",
    "wasm32-unknown-unknown",
];

/// Installs all of it.
pub fn run() -> Result<()> {
    targets()?;
    packages(&PACKAGES)?;
    python("requirements", &place::python_environment())?;
    python("store", &place::tools().join("store"))?;
    python("smp", &place::tools().join("smp"))?;
    node("node", &place::node_environment())?;
    node("npm", &place::tools().join("azurite"))?;
    dependencies::install()
}

fn targets() -> Result<()> {
    let sysroot = Tool::new("rustc").words("--print sysroot").output()?;
    let libraries = Path::new(sysroot.trim()).join("lib/rustlib");
    let missing: Vec<&str> = TARGETS
        .into_iter()
        .filter(|target| !libraries.join(target).join("lib").is_dir())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Tool::new("rustup")
        .words("target add")
        .words(&missing.join(" "))
        .run()
}

/// A Debian package, and how to see that what it brings is there.
struct Package {
    name: &'static str,
    there: fn() -> bool,
}

const PACKAGES: [Package; 14] = [
    Package {
        name: "git",
        there: || Tool::new("git").words("--version").answers(),
    },
    Package {
        name: "openssl",
        there: || Tool::new("openssl").words("version").answers(),
    },
    // Where published repositories lie, and how programs are killed at a system call.
    Package {
        name: "nginx-light",
        there: || Path::new("/usr/sbin/nginx").is_file(),
    },
    Package {
        name: "curl",
        there: || Tool::new("curl").words("--version").answers(),
    },
    Package {
        name: "npm",
        there: || Tool::new("npm").words("--version").answers(),
    },
    Package {
        name: "strace",
        there: || Tool::new("strace").words("--version").answers(),
    },
    // Tokens, and the tools and headers the tests of tokens take.
    Package {
        name: "softhsm2",
        there: || Tool::new("softhsm2-util").words("--version").answers(),
    },
    Package {
        name: "opensc",
        there: || Path::new("/usr/bin/pkcs11-tool").is_file(),
    },
    Package {
        name: "libp11-kit-dev",
        there: || Path::new("/usr/include/p11-kit-1/p11-kit/pkcs11.h").is_file(),
    },
    Package {
        name: "gcc",
        there: || Tool::new("cc").words("--version").answers(),
    },
    Package {
        name: "openssh-client",
        there: || Path::new("/usr/bin/ssh-agent").is_file(),
    },
    Package {
        name: "python3-venv",
        there: || {
            Tool::new("python3")
                .words("-c")
                .arg("import ensurepip")
                .answers()
        },
    },
    Package {
        name: "qemu-system-arm",
        there: || Tool::new("qemu-system-arm").words("--version").answers(),
    },
    Package {
        name: "firmware-microbit-micropython",
        there: || Path::new("/usr/share/firmware-microbit-micropython/firmware.hex").is_file(),
    },
];

/// Ceph with its gateway, which only `cargo xtask ceph` needs.
pub fn ceph() -> Result<()> {
    packages(&CEPH)
}

const CEPH: [Package; 3] = [
    Package {
        name: "ceph-mon",
        there: || Tool::new("ceph-mon").words("--version").answers(),
    },
    Package {
        name: "ceph-osd",
        there: || Tool::new("ceph-osd").words("--version").answers(),
    },
    Package {
        name: "radosgw",
        there: || Tool::new("radosgw").words("--version").answers(),
    },
];

fn packages(wanted: &[Package]) -> Result<()> {
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|package| !(package.there)())
        .map(|package| package.name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(" ");
    let root = Tool::new("id").words("-u").output()?.trim() == "0";
    if !root || !Tool::new("apt-get").words("--version").answers() {
        bail!(
            "these Debian packages are missing; run `sudo apt-get install {missing}`, or try `cargo xtask test --quick`"
        );
    }
    let apt = || Tool::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive");
    apt().words("update --quiet").run()?;
    apt()
        .words("install --yes --quiet --no-install-recommends")
        .words(&missing)
        .run()
}

/// Packages in JavaScript, by a lock file's digests: the oracle of readers, and a store that speaks Azure's language.
fn node(from: &str, environment: &Path) -> Result<()> {
    let from = place::root().join("xtask").join(from);
    let lock = fs::read_to_string(from.join("package-lock.json"))?;
    let installed = environment.join("installed.json");
    if fs::read_to_string(&installed).is_ok_and(|text| text == lock) {
        return Ok(());
    }
    fs::create_dir_all(environment)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(from.join(file), environment.join(file))?;
    }
    Tool::new("npm")
        .words("ci --ignore-scripts --no-audit --no-fund")
        .directory(environment)
        .run()?;
    fs::write(&installed, lock).with_context(|| format!("could not write {}", installed.display()))
}

/// A Python environment of its own for every file of requirements, so that one purpose never bends another.
fn python(requirements: &str, environment: &Path) -> Result<()> {
    let wanted_file = place::root().join(format!("xtask/python/{requirements}.txt"));
    let wanted = fs::read_to_string(&wanted_file)
        .with_context(|| format!("could not read {}", wanted_file.display()))?;
    let installed = environment.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    Tool::new("python3")
        .words("-m venv --clear")
        .arg(environment)
        .run()?;
    Tool::new(environment.join("bin/pip"))
        .words("install --quiet --disable-pip-version-check --require-hashes --only-binary :all:")
        // The files list everything, with digests.
        .words("--no-deps")
        .words("--requirement")
        .arg(&wanted_file)
        .run()?;
    fs::write(&installed, wanted)
        .with_context(|| format!("could not write {}", installed.display()))
}
