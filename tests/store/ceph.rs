//! Against Ceph's S3 gateway, which writes only where nothing is, but never replaces what nobody has changed: `cargo xtask ceph`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::servers::{free_port, tools};
use crate::support::project;
use crate::{NAME, SECRET, at, staged};

/// A cluster that ends with the test.
struct Ceph {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Ceph {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (gateway, monitor) = (free_port(), free_port());
        let mut child = Command::new("bash")
            .arg(project().join("tests/support/ceph.sh"))
            .arg(folder.path())
            .args([gateway.to_string(), monitor.to_string()])
            .args([NAME, SECRET])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n", "run `cargo xtask ceph`");
        Self {
            child,
            address: format!("http://127.0.0.1:{gateway}"),
            _folder: folder,
        }
    }
}

impl Drop for Ceph {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
fn ceph_is_refused_in_words_and_read_from() {
    if std::env::var_os("CUFF_SWEEP").is_none() {
        return;
    }
    let ceph = Ceph::start();
    let (desk, elsewhere) = (staged(at(&ceph.address)), staged(at(&ceph.address)));
    let publish = "publish --online-key online.key --to";
    let missing = desk.cuff(&format!("{publish} s3://bucket/tuf")).expect(3);
    let rule = "the bucket does not exist";
    assert!(missing.stderr.contains(rule), "{missing}");
    elsewhere.cuff(&format!("{publish} store")).expect(0);
    let copied = Command::new(tools().join("store/bin/python"))
        .arg(project().join("tests/support/s3_copy.py"))
        .arg(&ceph.address)
        .arg(elsewhere.path("store"))
        .args(["bucket", "copy"])
        .env("AWS_ACCESS_KEY_ID", NAME)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .status();
    assert!(copied.unwrap().success());

    // An empty place, and one with a repository: neither is written to.
    let refresh = "refresh --online-key online.key --to s3://bucket/copy";
    for refused in [
        desk.cuff(&format!("{publish} s3://bucket/tuf")),
        elsewhere.cuff(refresh),
    ] {
        let refused = refused.expect(1);
        let rule = "refuses to replace an object that nobody has changed";
        assert!(refused.stderr.contains(rule), "{refused}");
    }
    let nothing = desk.cuff("check s3://bucket/tuf --demo").expect(1);
    assert!(nothing.stdout.contains("missing-root"), "{nothing}");
    elsewhere.cuff("check s3://bucket/copy --demo").expect(0);
}
