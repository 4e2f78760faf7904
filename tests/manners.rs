//! How every command behaves: pipes, colours, machines that read.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/schema.rs"]
mod schema;
#[path = "support/cuff.rs"]
mod support;

use std::fs;
use std::io::Read as _;
use std::process::Stdio;

use cuff::console::Exit;
use insta::assert_snapshot;
use schema::{disobeyed, published};
use support::{Desk, blessing, project};

#[test]
fn a_closed_pipe_is_no_panic_and_keeps_the_answer() {
    let desk = Desk::new().with_example_keys();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = desk
        .command()
        .args(["key", "list"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
}

#[test]
fn completions_and_manual_pages_are_answers() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = desk.cuff(&format!("completions {shell}")).expect(0);
        assert!(script.stdout.contains("refresh"), "{shell}");
    }
    let page = desk.cuff("man key new").expect(0);
    assert!(page.stdout.contains(".TH cuff-key-new 1"), "{page}");
    desk.cuff("man fly").expect(2);
    desk.cuff("man --output pages").expect(0);
    let pages = desk.files();
    for name in ["cuff.1", "cuff-audit-verify.1", "cuff-sign.1"] {
        assert!(
            pages.contains(&format!("pages/{name}")),
            "{name}: {pages:?}"
        );
    }
    for words in [&["man"][..], &["completions", "bash"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = desk.command().args(words).stdout(writer).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), said.as_str()),
            (Some(0), ""),
            "{words:?}"
        );
    }
}

#[test]
fn a_full_disk_is_not_an_answer() {
    let desk = Desk::new().with_example_keys();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = desk
        .command()
        .args(["key", "list"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"
    error: the answer could not be written to standard output
    cause: No space left on device (os error 28)
    ");
}

#[test]
fn colours_are_only_for_terminals() {
    let desk = Desk::new();
    assert!(!desk.cuff("key show absent.pub").stderr.contains('\u{1b}'));
    let forced = Desk::new().variable("CLICOLOR_FORCE", "1");
    assert!(
        forced
            .cuff("key show absent.pub")
            .stderr
            .contains("\u{1b}[")
    );
}

#[test]
fn help_is_an_answer_and_a_wrong_word_is_not() {
    let desk = Desk::new();
    desk.cuff("--help").expect(0);
    assert_snapshot!(desk.cuff("key fly"), @"
    $ cuff key fly
    exit: 2
    --- stderr
    error: unrecognized subcommand 'fly'

    Usage: cuff key [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    assert_snapshot!(desk.cuff("key fly --json"), @r#"
    $ cuff key fly --json
    exit: 2
    --- stdout
    {
      "schema_version": 1,
      "command": "",
      "ok": false,
      "exit": 2,
      "error": {
        "rule": "usage",
        "message": "unrecognized subcommand 'fly'",
        "causes": [],
        "help": [
          "Usage: cuff key [OPTIONS] <COMMAND>",
          "For more information, try '--help'."
        ]
      }
    }
    --- stderr
    error: unrecognized subcommand 'fly'
    help: Usage: cuff key [OPTIONS] <COMMAND>
    help: For more information, try '--help'.
    "#);
}

/// `CUFF_BLESS=1` writes them anew.
#[test]
fn the_published_schemas_are_the_answers() {
    let folder = project().join("docs/schema");
    if blessing() {
        let _ = fs::remove_dir_all(&folder);
        Desk::new()
            .run(["schema".as_ref(), folder.as_os_str()], "")
            .expect(0);
    }
    let desk = Desk::new();
    desk.cuff("schema out").expect(0);
    let mut published: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    published.sort();
    let made: Vec<String> = desk
        .files()
        .iter()
        .map(|name| name.trim_start_matches("out/").to_owned())
        .collect();
    assert_eq!(
        published, made,
        "CUFF_BLESS=1 cargo test --test manners writes docs/schema anew"
    );
    for name in made {
        let text = fs::read_to_string(folder.join(&name)).unwrap();
        assert_eq!(
            text,
            desk.read(format!("out/{name}")),
            "docs/schema/{name}: CUFF_BLESS=1 writes it anew"
        );
    }
}

#[test]
fn every_answer_obeys_its_schema() {
    let desk = Desk::new()
        .with_example_keys()
        .variable("CUFF_PASSPHRASE", "correct horse");
    for line in [
        "key new dora --json",
        "key new dora --json",
        "key new erin --dry-run --json",
        "key list --json",
        "key show alice.pub --json",
        "key show absent.pub --json",
        "key export alice.pub --json",
        "schema out --json",
        "key fly --json",
    ] {
        let transcript = desk.cuff(line);
        let answer = transcript.json();
        assert_eq!(answer["ok"], transcript.code == 0, "{transcript}");
        let command = answer["command"].as_str().unwrap().replace(' ', "-");
        let name = if answer.get("error").is_some() {
            "failure.json".to_owned()
        } else {
            format!("{command}.json")
        };
        let faults = disobeyed(&published(&name), &answer);
        assert!(faults.is_empty(), "{name}: {faults:?}\n{transcript}");
    }
}

#[test]
fn the_table_of_exit_codes_is_complete() {
    let table = fs::read_to_string(project().join("docs/exit-codes.md")).unwrap();
    for exit in Exit::ALL {
        let row = format!("| {} | `{exit:?}` |", exit.code());
        assert!(
            table.contains(&row),
            "docs/exit-codes.md has no row `{row}`"
        );
    }
}
