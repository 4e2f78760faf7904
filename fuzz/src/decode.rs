//! Every reader of bytes from outside: it never panics, and what it took it writes back the same.
//!
//! One function a decoder; each takes whatever there is and gives nothing.

use std::path::Path;
use std::str::from_utf8;

use cuff::board::Board;
use cuff::bundle::Bundle;
use cuff::bundle::record::Record as BundleRecord;
use cuff::bundle::seal::Seal;
use cuff::bundle::tape::{self, Limits};
use cuff::firmware::Pieces;
use cuff::instant;
use cuff::key::pkcs8::Sealed;
use cuff::key::public_file::PublicFile;
use cuff::manifest::Manifest;
use cuff::repository::foreign;
use cuff::repository::settings::Settings;
use cuff::role::canonical;
use cuff::state::State;
use cuff_bootloader::mailbox::{MAIL, Mailbox};
use cuff_bootloader::record::{RECORD, Record};
use cuff_bootloader::report::{self, Report};
use cuff_verifier::evidence::{Evidence, Parts};
use cuff_verifier::json::{Value, locate};
use cuff_verifier::judge::{Known, Outcome, walk};
use cuff_verifier::profile::Profile;
use cuff_verifier::release;
use cuff_verifier::threshold::Document;

/// The cursor of the verifier: what it takes is canonical, and another reader and our own writer agree.
pub fn canonical_json(data: &[u8]) {
    let said = Value::check(data);
    let clean = from_utf8(data).is_ok();
    assert_eq!(
        locate(data, Profile::Foreign).is_none(),
        said.is_ok() && clean
    );
    let printable = data.iter().all(|byte| (0x20..=0x7e).contains(byte));
    if said.is_err() || !printable {
        return;
    }
    let value: serde_json::Value = serde_json::from_slice(data).expect("canonical JSON is JSON");
    assert_eq!(canonical::encode(&value).expect("canonical"), data);
}

/// The front end for other people's repositories: what it gives is canonical, and giving it that changes nothing.
pub fn foreign_json(data: &[u8]) {
    let Ok(bytes) = foreign::canonical(data) else {
        return;
    };
    assert_eq!(locate(&bytes, Profile::Foreign), None);
    if bytes.iter().all(|byte| (0x20..=0x7e).contains(byte)) {
        assert_eq!(foreign::canonical(&bytes).expect("canonical"), bytes);
    }
}

/// Evidence: what its header says, written again, is the same bytes; and the judge says no to all of it.
pub fn evidence(data: &[u8]) {
    let Ok(evidence) = Evidence::parse(data) else {
        return;
    };
    let served = |document: Document<'_>| document.served().to_vec();
    let roots: Vec<(u64, Vec<u8>)> = evidence
        .roots()
        .map(|(version, file)| (version, served(file)))
        .collect();
    let root_files: Vec<&[u8]> = roots.iter().map(|(_, file)| file.as_slice()).collect();
    let online = evidence.online().map(|files| files.map(served));
    let delegated: Vec<Vec<u8>> = evidence.delegated().map(served).collect();
    let delegated: Vec<&[u8]> = delegated.iter().map(Vec::as_slice).collect();
    let mut written = Vec::new();
    let parts = Parts {
        path: evidence.path(),
        first_root: roots
            .first()
            .map_or(0, |(version, _)| u32::try_from(*version).expect("32 bits")),
        roots: &root_files,
        online: online
            .as_ref()
            .map(|files| files.each_ref().map(Vec::as_slice)),
        delegated: &delegated,
    };
    parts
        .encode(&mut |piece| written.extend_from_slice(piece))
        .expect("it was read");
    assert_eq!(written, evidence.bytes());

    let root = crate::author::canonical(&crate::author::root().body);
    let known = Known::of_new_unit("band", "band-a", 1, root.as_bytes());
    if let Outcome::Complete(chain) = walk(&known, &evidence).outcome {
        let _ = chain.release(&known);
    }
}

/// The release record: the verifier's reader and the desk's agree on what a record is.
pub fn release_record(data: &[u8]) {
    let on_the_device = release::Record::read(data).is_ok();
    let Ok(record) = BundleRecord::read(data) else {
        return;
    };
    assert!(on_the_device, "the desk reads a record that no device does");
    assert_eq!(record.canonical(), data);
}

const LIMITS: Limits = Limits {
    entries: 64,
    entry: |_| 1 << 20,
    whole: 4 << 20,
};

/// The container: what was read writes back the same bytes.
pub fn tape(data: &[u8]) {
    if let Ok(entries) = tape::read(data, &LIMITS) {
        assert_eq!(tape::write(&entries).expect("it was read"), data);
    }
}

/// A bundle.
pub fn bundle(data: &[u8]) {
    if let Ok(bundle) = Bundle::open(data) {
        assert_eq!(bundle.as_bytes(), data);
        assert_eq!(bundle.image().len() as u64, bundle.record().image.length.0);
    }
}

/// A sealed bundle.
pub fn seal(data: &[u8]) {
    if let Ok(seal) = Seal::open(data.to_vec()) {
        let files = seal
            .entries()
            .map(|(name, bytes)| (name.to_owned(), bytes.to_vec()))
            .collect();
        assert_eq!(Seal::pack(&files).expect("it was read").as_bytes(), data);
    }
}

/// A device's state file: read, written and read again it says the same.
pub fn state_file(data: &[u8]) {
    let Ok(state) = State::read(data) else { return };
    let written = state.to_json();
    let again = State::read(written.as_bytes()).expect("we wrote it");
    assert_eq!(again.to_json(), written);
    if let Ok(device) = state.check() {
        let known = device.known();
        assert_eq!(Value::check(known.root).map(|_| ()), Ok(()));
    }
}

/// A manifest.
pub fn manifest(data: &[u8]) {
    if let Ok(text) = from_utf8(data) {
        let _ = Manifest::read("manifest.toml", text);
    }
}

/// A board description: one that is read has a layout that the bootloader takes.
pub fn board(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    if let Ok(board) = Board::read("board.toml", text) {
        let layout = board.layout().expect("a board that was read has one");
        assert!(layout.check().is_ok());
    }
}

/// The settings of a repository.
pub fn settings(data: &[u8]) {
    if let Ok(text) = from_utf8(data) {
        let _ = Settings::read(Path::new("cuff.toml"), text);
    }
}

/// Firmware in any format: what is measured lies where its pieces lay.
pub fn firmware(data: &[u8]) {
    for address in [None, Some(0x0800_0000), Some(u64::MAX - 4)] {
        let Ok(pieces) = Pieces::read(data, address) else {
            continue;
        };
        let regions: Vec<_> = pieces.regions().collect();
        let Ok(firmware) = pieces.measure(&[]) else {
            continue;
        };
        let whole = firmware.region();
        assert_eq!(whole.length, firmware.bytes().len() as u64);
        for region in regions {
            assert!(region.start >= whole.start);
            assert!(region.start + region.length <= whole.start + whole.length);
        }
    }
}

/// A public key file: what was read writes back to what reads the same.
pub fn public_file(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    if let Ok(file) = PublicFile::parse(text) {
        let again = PublicFile::parse(&file.text()).expect("we wrote it");
        assert_eq!(again.text(), file.text());
    }
}

/// A private key file, up to the passphrase; what needs none is opened.
pub fn private_key(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    if let Ok(sealed) = Sealed::parse(text)
        && !sealed.is_encrypted()
    {
        let opened = sealed.open(|| -> Result<_, cuff::key::pkcs8::OpenError> {
            unreachable!("it is not encrypted")
        });
        let _ = opened.map(|key| key.public());
    }
}

/// The trust record: what decodes is written again as the same bytes.
pub fn trust_record(data: &[u8]) {
    let mut bytes = [0xff; RECORD as usize];
    let length = data.len().min(bytes.len());
    bytes[..length].copy_from_slice(&data[..length]);
    seal_tail(&mut bytes, 32);
    if let Some(record) = Record::decode(&bytes) {
        assert_eq!(record.encode(), Some(bytes));
    }
}

/// The answer of a bootloader, and the memory a probe reads it from.
pub fn mailbox(data: &[u8]) {
    let mut mail = [0; MAIL];
    let length = data.len().min(mail.len());
    mail[..length].copy_from_slice(&data[..length]);
    let mailbox = Mailbox(mail);
    if let Some(nonce) = mailbox.asked() {
        let _ = mailbox.report(&nonce);
    }
    let mut bytes = [0; report::LENGTH];
    let length = data.len().min(bytes.len());
    bytes[..length].copy_from_slice(&data[..length]);
    seal_tail(&mut bytes, 16);
    if let Some(report) = Report::decode(&bytes) {
        assert_eq!(report.encode(), Some(bytes));
    }
}

/// Names, dates and spans as people and metadata write them.
pub fn words(data: &[u8]) {
    use cuff::name::{Hardware, Holder, Product, Version};
    let _ = cuff_verifier::time::Instant::parse(data);
    let Ok(text) = from_utf8(data) else { return };
    if let Ok(name) = Product::parse(text) {
        assert_eq!(name.as_str(), text);
    }
    let _ = (
        Hardware::parse(text),
        Holder::parse(text),
        Version::parse(text),
    );
    if let Ok(moment) = instant::parse(text) {
        let shown = moment.to_string();
        assert_eq!(instant::parse(&shown).expect("we wrote it"), moment);
    }
    let _ = text.parse::<instant::Span>();
}

/// Makes the seal true, so that what lies behind it is reached: both structures end in the SHA-256 of what is before it, the
/// report's cut to 16 bytes.
fn seal_tail(bytes: &mut [u8], seal: usize) {
    let (body, tail) = bytes.split_at_mut(bytes.len() - seal);
    let digest = cuff_verifier::digest::Digest::of(body);
    tail.copy_from_slice(&digest.0[..seal]);
}
