//! `cuff key`, as a person sees it, and the example keys.

#[path = "support/cuff.rs"]
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use cuff::key::file::{self, KeyFile, Protection};
use cuff::key::public_file::PublicFile;
use cuff::key::secret::{Passphrase, SecretKey};
use cuff::key::{Signer, example};
use insta::assert_snapshot;
use sha2::{Digest, Sha256};
use support::{Desk, blessing, project};

fn desk() -> Desk {
    Desk::new()
        .variable("CUFF_PASSPHRASE", "correct horse")
        .hide_hex()
}

#[test]
fn a_new_key_is_two_files() {
    let desk = desk();
    assert_snapshot!(desk.cuff("key new alice -o people"), @"
    $ cuff key new alice -o people
    exit: 0
    --- stdout
    name     alice
    keyid    [hex]
    private  people/alice.key (encrypted; keep it, and a backup)
    public   people/alice.pub (share it)
    ");
    assert_eq!(desk.files(), ["people/alice.key", "people/alice.pub"]);
    let mode = fs::metadata(desk.path("people/alice.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_snapshot!(desk.cuff("key list people"), @"
    $ cuff key list people
    exit: 0
    --- stdout
    alice  [hex]  private key here
    ");
    assert_snapshot!(desk.cuff("key new alice -o people"), @"
    $ cuff key new alice -o people
    exit: 1
    --- stderr
    error: `people/alice.key` exists already
    help: choose another name or folder; cuff never overwrites a key
    ");
}

#[test]
fn a_new_key_as_json() {
    let desk = desk();
    assert_snapshot!(desk.cuff("key new alice --json"), @r#"
    $ cuff key new alice --json
    exit: 0
    --- stdout
    {
      "schema_version": 1,
      "command": "key new",
      "ok": true,
      "name": "alice",
      "private_key": "alice.key",
      "public_key": "alice.pub",
      "encrypted": true,
      "keyid": "[hex]"
    }
    "#);
    assert_snapshot!(desk.cuff("key new alice --json"), @r#"
    $ cuff key new alice --json
    exit: 1
    --- stdout
    {
      "schema_version": 1,
      "command": "key new",
      "ok": false,
      "exit": 1,
      "error": {
        "rule": "key-exists",
        "message": "`alice.key` exists already",
        "causes": [],
        "help": [
          "choose another name or folder; cuff never overwrites a key"
        ]
      }
    }
    --- stderr
    error: `alice.key` exists already
    help: choose another name or folder; cuff never overwrites a key
    "#);
}

#[test]
fn a_dry_run_writes_nothing() {
    let desk = desk();
    assert_snapshot!(desk.cuff("key new alice --dry-run"), @"
    $ cuff key new alice --dry-run
    exit: 0
    --- stdout
    would write alice.key (encrypted) and alice.pub
    dry run: nothing was written
    ");
    assert!(desk.files().is_empty());
}

#[test]
fn an_unencrypted_key_is_named_as_what_it_is() {
    let desk = desk();
    assert_snapshot!(desk.cuff("key new ci --unencrypted"), @"
    $ cuff key new ci --unencrypted
    exit: 0
    --- stdout
    name     ci
    keyid    [hex]
    private  ci.key (NOT encrypted; keep it, and a backup)
    public   ci.pub (share it)
    --- stderr
    warning: whoever can read `ci.key` can sign as ci
    ");
    assert!(
        desk.read("ci.key")
            .starts_with("-----BEGIN PRIVATE KEY-----")
    );
}

#[test]
fn nobody_is_asked_without_a_terminal() {
    let desk = Desk::new();
    assert_snapshot!(desk.cuff("key new alice"), @"
    $ cuff key new alice
    exit: 2
    --- stderr
    error: cannot ask for the new passphrase of alice without a terminal: use --passphrase-file FILE, CUFF_PASSPHRASE or --unencrypted
    ");
    assert!(desk.files().is_empty());
}

/// `script` gives `cuff` a terminal and types its own standard input there.
#[test]
fn at_a_terminal_a_new_passphrase_is_typed_twice() {
    let desk = Desk::new();
    let type_at = |name: &str, typed: &str| {
        desk.write("typed", typed);
        let line = format!("{} key new {name}", env!("CARGO_BIN_EXE_cuff"));
        let input = fs::File::open(desk.path("typed")).unwrap();
        let mut script = Command::new("script");
        script
            .args(["-qec", &line, "/dev/null"])
            .stdin(input)
            .env_remove("CUFF_PASSPHRASE");
        let output = script.current_dir(desk.path("")).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, said) = type_at("alice", "secret\nsecret\n");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("new passphrase of alice, again:"), "{said}");
    let passphrase = Passphrase::from_file("secret").unwrap();
    assert!(
        KeyFile::read(&desk.path("alice.key"))
            .unwrap()
            .open(Some(&passphrase))
            .is_ok()
    );

    let (code, said) = type_at("bob", "secret\nother\n");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("the two passphrases differ"), "{said}");
    assert!(!desk.path("bob.key").exists());
}

#[test]
fn a_passphrase_comes_from_a_file_before_the_environment() {
    let desk = desk();
    desk.write("pass", "from file\nsecond line\n");
    desk.cuff("key new alice --passphrase-file pass").expect(0);
    let open = |passphrase| {
        let file = KeyFile::read(&desk.path("alice.key")).unwrap();
        file.open(Some(&Passphrase::from_file(passphrase).unwrap()))
    };
    assert!(open("from file").is_ok());
    assert!(open("correct horse").is_err());

    desk.write("empty", "\n");
    assert_snapshot!(desk.cuff("key new bob --passphrase-file empty"), @"
    $ cuff key new bob --passphrase-file empty
    exit: 2
    --- stderr
    error: the passphrase file `empty` begins with an empty line
    cause: the passphrase is empty
    ");
    assert_snapshot!(desk.cuff("key new bob --passphrase-file absent"), @"
    $ cuff key new bob --passphrase-file absent
    exit: 3
    --- stderr
    error: cannot read the passphrase file `absent`
    cause: No such file or directory (os error 2)
    ");
}

#[test]
fn names_are_plain() {
    assert_snapshot!(desk().cuff("key new ../alice"), @r#"
    $ cuff key new ../alice
    exit: 2
    --- stderr
    error: key name "../alice" must be 1 to 31 characters out of a-z, 0-9 and -
    "#);
    let words = ["key", "new", "al\u{1b}[2Jice"];
    assert_snapshot!(desk().run(words, ""), @r#"
    $ cuff key new al\u{1b}[2Jice
    exit: 2
    --- stderr
    error: key name "al\u{1b}[2Jice" must be 1 to 31 characters out of a-z, 0-9 and -
    "#);
    // A name is a file on every desk, the one under Windows too.
    let device = desk().cuff("key new nul").expect(2);
    assert!(
        device.stderr.contains("a device name on Windows"),
        "{device}"
    );
}

#[test]
fn an_example_key_says_so() {
    let desk = Desk::new().with_example_keys();
    assert_snapshot!(desk.cuff("key show alice.pub"), @"
    $ cuff key show alice.pub
    exit: 0
    --- stdout
    name    alice
    keyid   d1e6a2a3ca1ba3364aecd1cf3f771336d509c0f3fab220da099c52e4f4f214c3
    public  026e54ae322b766fec5a4fdec5120beec3689312fa88b7956d4598373b6870f7 (Ed25519)
    proof   holds: the holder of the private key chose this name
    note    an EXAMPLE key: everyone has its private half
    ");
    assert_snapshot!(desk.cuff("key list"), @"
    $ cuff key list
    exit: 0
    --- stdout
    alice   d1e6a2a3ca1ba3364aecd1cf3f771336d509c0f3fab220da099c52e4f4f214c3  private key here  EXAMPLE
    bob     c3f39fbd27af3dcc26ff2ed9b39b2f57d384124b0dd4e2297162e38e77fdca94  private key here  EXAMPLE
    carol   bb06324892ef5c66e77dba949f221a83cf1ae25019ab9efb06befc6419deb0bf  private key here  EXAMPLE
    online  7673633aad1c137c7308054e8e2739a75ac79838cce535c05828841c1a2e88a3  private key here  EXAMPLE
    ");
    assert_snapshot!(desk.cuff("key export alice.pub --format tuf"), @r#"
    $ cuff key export alice.pub --format tuf
    exit: 0
    --- stdout
    {"keytype":"ed25519","keyval":{"public":"026e54ae322b766fec5a4fdec5120beec3689312fa88b7956d4598373b6870f7"},"scheme":"ed25519"}
    "#);
    assert_snapshot!(desk.cuff("key export alice.pub --format hex --json"), @r#"
    $ cuff key export alice.pub --format hex --json
    exit: 0
    --- stdout
    {
      "schema_version": 1,
      "command": "key export",
      "ok": true,
      "format": "hex",
      "text": "026e54ae322b766fec5a4fdec5120beec3689312fa88b7956d4598373b6870f7\n"
    }
    "#);
}

#[test]
fn a_forged_public_key_is_refused() {
    let desk = Desk::new().with_example_keys();
    let forged = desk
        .read("alice.pub")
        .replace("name = \"alice\"", "name = \"mallory\"");
    desk.write("others/mallory.pub", forged);
    desk.write("others/note.pub", "hello \u{1b}[2J\n");
    assert_snapshot!(desk.cuff("key show others/mallory.pub"), @"
    $ cuff key show others/mallory.pub
    exit: 1
    --- stderr
    error: the public key `others/mallory.pub` is refused
    cause: its proof does not hold: whoever named this key `mallory` does not hold the private key
    help: ask its holder for the file again, over a way you trust
    ");
    assert_snapshot!(desk.cuff("key list others"), @"
    $ cuff key list others
    exit: 1
    --- stdout
    refused  mallory.pub: its proof does not hold: whoever named this key `mallory` does not hold the private key
    refused  note.pub: it is no public key file: line 1: key with no value, expected `=`
    ");
    assert_snapshot!(desk.cuff("key show others/mallory.pub --json"), @r#"
    $ cuff key show others/mallory.pub --json
    exit: 1
    --- stdout
    {
      "schema_version": 1,
      "command": "key show",
      "ok": false,
      "exit": 1,
      "error": {
        "rule": "refused-public-key",
        "message": "the public key `others/mallory.pub` is refused",
        "causes": [
          "its proof does not hold: whoever named this key `mallory` does not hold the private key"
        ],
        "help": [
          "ask its holder for the file again, over a way you trust"
        ]
      }
    }
    --- stderr
    error: the public key `others/mallory.pub` is refused
    cause: its proof does not hold: whoever named this key `mallory` does not hold the private key
    help: ask its holder for the file again, over a way you trust
    "#);
    assert_snapshot!(desk.cuff("key show absent.pub"), @"
    $ cuff key show absent.pub
    exit: 3
    --- stderr
    error: cannot read the public key `absent.pub`
    cause: No such file or directory (os error 2)
    help: give the path of a `.pub` file
    ");
}

/// The example keys grow from seeds anyone can compute. `CUFF_BLESS=1` writes them anew.
#[test]
fn the_example_keys_are_what_their_seeds_say() {
    let folder = project().join("keys.example");
    let passphrase = Passphrase::from_file(example::PASSPHRASE).unwrap();
    for (name, text) in example::FILES {
        let seed: [u8; 32] = Sha256::digest(format!("cuff example key {name}")).into();
        let secret = SecretKey::from_seed(&seed);
        let expected = PublicFile::prove(name, &secret).unwrap();
        let private = folder.join(name).with_extension("key");
        if blessing() {
            fs::write(folder.join(name).with_extension("pub"), expected.text()).unwrap();
            let _ = fs::remove_file(&private);
            file::create(
                &private,
                &secret,
                &Protection::Passphrase(passphrase.clone()),
            )
            .unwrap();
            continue;
        }
        assert_eq!(text, expected.text(), "{name}.pub");
        let signer = KeyFile::read(&private)
            .unwrap()
            .open(Some(&passphrase))
            .unwrap();
        assert_eq!(signer.public(), secret.public(), "{name}.key");
    }
}
