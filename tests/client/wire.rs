//! Over the wire: servers that serve, and servers that do everything else. Each wait ends, and each ends with its own words.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cuff::repository::source::http::{Http, HttpError, Patience};
use cuff::repository::source::kept::Kept;
use cuff::repository::source::{Source, SourceError};
use cuff_verifier::digest::Digest;

use crate::author::Author;
use crate::commands::move_to_today;
use crate::server::{Body, Reply, Request, Server};
use crate::support::Desk;

/// Little of it, so that tests end soon.
const HASTE: Patience = Patience {
    step: Duration::from_secs(1),
    file: Duration::from_secs(3),
    slowest: 1 << 20,
    retries: 2,
    pause: Duration::from_millis(20),
};

const FILE: &str = "metadata/timestamp.json";

fn source(server: &Server) -> Http {
    Http::new(&server.url("repo"), HASTE).unwrap()
}

/// How many requests there were, and what came of it.
fn ask(
    limit: u64,
    answer: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static,
) -> (usize, Result<Option<Vec<u8>>, SourceError>) {
    static COUNTED: Mutex<()> = Mutex::new(());
    let _one_at_a_time = COUNTED.lock();
    let count: &'static AtomicUsize = Box::leak(Box::new(AtomicUsize::new(0)));
    let server =
        Server::start(move |request| answer(count.fetch_add(1, Ordering::SeqCst), request));
    let begun = Instant::now();
    let found = source(&server).get(FILE, limit);
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    (count.load(Ordering::SeqCst), found)
}

fn content(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

#[test]
fn a_file_comes_as_it_is_and_an_absent_one_is_absent() {
    let (_, found) = ask(3, |_, request| {
        assert_eq!(request.path, "repo/metadata/timestamp.json");
        assert!(request.header("user-agent").unwrap().starts_with("cuff/"));
        Reply::file("abc")
    });
    assert_eq!(found.unwrap().unwrap(), b"abc");
    for status in ["404 Not Found", "410 Gone"] {
        let (requests, found) = ask(3, move |_, _| Reply::status(status));
        assert!(found.unwrap().is_none() && requests == 1);
    }
}

#[test]
fn a_server_that_fails_is_asked_again_and_a_refusal_is_not() {
    for status in [
        "500 Broken",
        "503 Busy",
        "429 Too Many Requests",
        "408 Timeout",
    ] {
        let (requests, found) = ask(9, move |count, _| match count {
            0 | 1 => Reply::status(status),
            _ => Reply::file("abc"),
        });
        assert_eq!(
            (requests, found.unwrap().unwrap()),
            (3, b"abc".to_vec()),
            "{status}"
        );
        let (requests, found) = ask(9, move |_, _| Reply::status(status));
        assert!(matches!(found, Err(SourceError::Read { .. })));
        assert_eq!(requests, 3, "{status}");
    }
    for status in [
        "401 Unauthorized",
        "403 Forbidden",
        "400 Bad Request",
        "204 No Content",
        "206 Part",
    ] {
        let (requests, found) = ask(9, move |_, _| Reply::status(status));
        assert!(
            matches!(found, Err(SourceError::Read { .. })),
            "{status} {found:?}"
        );
        assert!(requests == 1 || status.starts_with("206"), "{status}");
    }
    // A server that says how long it needs is not waited for longer than a file may take.
    let (requests, found) = ask(9, |_, _| {
        Reply::status("503 Busy").header("Retry-After", "3600")
    });
    assert!(found.is_err() && requests == 1);
}

#[test]
fn object_stores_say_forbidden_for_a_root_that_is_not_there() {
    let server = Server::start(|_| Reply::status("403 Forbidden"));
    let source = source(&server);
    assert!(source.get("metadata/2.root.json", 9).unwrap().is_none());
    assert!(source.get("metadata/2.snapshot.json", 9).is_err());
}

#[test]
fn a_file_longer_than_its_limit_is_not_read() {
    let (requests, found) = ask(100, |_, _| Reply::file(content(101)));
    assert!(matches!(
        found,
        Err(SourceError::TooLong { limit: 100, .. })
    ));
    assert_eq!(requests, 1);
    let (_, found) = ask(1 << 20, |_, _| Reply::of(Body::Endless));
    assert!(matches!(found, Err(SourceError::TooLong { .. })));
    let (_, found) = ask(100, |_, _| Reply::file(content(100)));
    assert_eq!(found.unwrap().unwrap().len(), 100);
}

#[test]
fn silence_and_dripping_end() {
    let (requests, found) = ask(9, |_, _| Reply::of(Body::Silence(Duration::from_secs(5))));
    assert!(matches!(found, Err(SourceError::Read { .. })));
    assert!(requests <= 4, "{requests}");
    // Every byte is progress, and the whole file still has its time.
    let (_, found) = ask(1_000, |_, _| {
        Reply::of(Body::Drip(content(1_000), Duration::from_millis(50)))
    });
    assert!(matches!(found, Err(SourceError::Read { .. })));
}

#[test]
fn nobody_there_is_no_answer() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let source = Http::new(&format!("http://{free}/"), HASTE).unwrap();
    let found = source.get(FILE, 9);
    assert!(matches!(found, Err(SourceError::Read { .. })), "{found:?}");
}

#[test]
fn a_server_that_sends_elsewhere_is_followed_so_far() {
    let (requests, found) = ask(9, |count, _| match count {
        0..3 => Reply::status("302 Found").header("Location", "/elsewhere"),
        _ => Reply::file("abc"),
    });
    assert_eq!((requests, found.unwrap().unwrap()), (4, b"abc".to_vec()));
    let (requests, found) = ask(9, |_, _| {
        Reply::status("302 Found").header("Location", "/round/and/round")
    });
    assert!(found.is_err() && requests < 9);
}

#[test]
fn a_body_that_breaks_off_is_taken_up_where_it_broke() {
    // Each answer breaks off after 100 bytes more.
    let whole = content(1_000);
    let expected = whole.clone();
    let (requests, found) = ask(1_000, move |_, request| {
        let Some(from) = request.from() else {
            return Reply::of(Body::Cut(whole.clone(), 100)).header("ETag", "\"one\"");
        };
        assert_eq!(request.header("if-range"), Some("\"one\""));
        let rest = whole[from..].to_vec();
        let at = rest.len().min(100);
        let mut reply = Reply::of(Body::Cut(rest, at))
            .header("ETag", "\"one\"")
            .header("Content-Range", format!("bytes {from}-999/1000"));
        reply.status = "206 Partial Content";
        reply
    });
    assert_eq!(found.unwrap().unwrap(), expected);
    assert_eq!(requests, 10);
}

#[test]
fn what_cannot_be_taken_up_begins_anew() {
    // The file changed meanwhile; the range is not the one that was asked for; the server has no tags.
    let (_, found) = ask(100, |count, request| match (count, request.from()) {
        (0, None) => Reply::of(Body::Cut(content(50), 20)).header("ETag", "\"old\""),
        (_, Some(20)) => Reply::file("all of the new one").header("ETag", "\"new\""),
        other => panic!("{other:?}"),
    });
    assert_eq!(found.unwrap().unwrap(), b"all of the new one");
    let (_, found) = ask(100, |count, _| match count {
        0 => Reply::of(Body::Cut(content(50), 20)).header("ETag", "\"one\""),
        1 => {
            let mut reply = Reply::file("xyz").header("Content-Range", "bytes 7-9/50");
            reply.status = "206 Partial Content";
            reply
        }
        _ => Reply::file(content(50)).header("ETag", "\"one\""),
    });
    assert_eq!(found.unwrap().unwrap(), content(50));
    let (_, found) = ask(100, |count, request| {
        assert_eq!(request.from(), None);
        match count {
            0 => Reply::of(Body::Cut(content(50), 20)).header("ETag", "W/\"weak\""),
            _ => Reply::file(content(50)),
        }
    });
    assert_eq!(found.unwrap().unwrap(), content(50));
    let (_, found) = ask(100, |count, _| match count {
        0 => Reply::of(Body::Cut(content(50), 20)).header("ETag", "\"one\""),
        1 => Reply::status("416 Range Not Satisfiable"),
        _ => Reply::file(content(50)),
    });
    assert_eq!(found.unwrap().unwrap(), content(50));
}

/// A target in a server that breaks off, asked for by one process after another.
#[test]
fn what_broke_off_is_taken_up_by_the_next_process() {
    let whole = content(1_000);
    let digest = Digest::of(&whole);
    let path = format!("targets/band/{digest}.1.0.0");
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join(format!("{digest}.part"));
    // Each process has a source of its own; the server is told what to do by the run.
    let get = |answer: fn(usize, &Request, Vec<u8>) -> Reply| {
        let (count, whole) = (AtomicUsize::new(0), whole.clone());
        let server = Server::start(move |request| {
            answer(count.fetch_add(1, Ordering::SeqCst), request, whole.clone())
        });
        let source = Kept::new(Box::new(source(&server)), folder.path().to_owned());
        source.get(&path, 1_000)
    };
    let breaks = |count: usize, _: &Request, whole: Vec<u8>| match count {
        0 => Reply::of(Body::Cut(whole, 400)).header("ETag", "\"one\""),
        _ => Reply::status("503 Busy"),
    };
    let goes_on = |_: usize, request: &Request, whole: Vec<u8>| {
        assert_eq!(request.header("if-range"), Some("\"one\""));
        let from = request.from().expect("it goes on");
        let mut reply = Reply::file(whole[from..].to_vec())
            .header("ETag", "\"one\"")
            .header("Content-Range", format!("bytes {from}-999/1000"));
        reply.status = "206 Partial Content";
        reply
    };
    assert!(matches!(get(breaks), Err(SourceError::Read { .. })));
    assert_eq!(fs::read(&part).unwrap().len(), 6 + 400);
    assert_eq!(get(goes_on).unwrap().unwrap(), whole);
    assert!(!part.exists());
    let nobody = |_: usize, _: &Request, _: Vec<u8>| Reply::status("404 Not Found");
    assert_eq!(get(nobody).unwrap().unwrap(), whole, "it was kept");

    // What somebody wrote into the part is not believed, and does not stand in the way.
    fs::remove_file(folder.path().join(digest.to_string())).unwrap();
    get(breaks).unwrap_err();
    let mut bent = fs::read(&part).unwrap();
    bent[10] ^= 1;
    fs::write(&part, bent).unwrap();
    let once_more = |count: usize, request: &Request, whole: Vec<u8>| {
        if count > 0 {
            assert_eq!(request.from(), None);
            return Reply::file(whole);
        }
        let from = request.from().expect("it goes on");
        let mut reply = Reply::file(whole[from..].to_vec())
            .header("Content-Range", format!("bytes {from}-999/1000"));
        reply.status = "206 Partial Content";
        reply
    };
    assert_eq!(get(once_more).unwrap().unwrap(), whole);

    // The file changed meanwhile.
    fs::remove_file(folder.path().join(digest.to_string())).unwrap();
    get(breaks).unwrap_err();
    let changed =
        |_: usize, _: &Request, whole: Vec<u8>| Reply::file(whole).header("ETag", "\"two\"");
    assert_eq!(get(changed).unwrap().unwrap(), whole);
}

#[test]
fn what_was_fetched_is_not_fetched_again() {
    let desk = Desk::new().variable("NO_PROXY", "127.0.0.1");
    let (author, server) = published(&desk);
    let fetch = |server: &Server, memory: &str| {
        desk.cuff(&format!(
            "fetch {} band/1.0.0 --root root.json -o band.cuff --metadata-dir {memory}",
            server.url("repo")
        ))
    };
    fetch(&server, "kept").expect(0);
    let mut files = author.files();
    files.retain(|path, _| !path.starts_with("targets/"));
    let without =
        Server::start(
            move |request| match files.get(request.path.trim_start_matches("repo/")) {
                Some(bytes) => Reply::file(bytes.clone()),
                None => Reply::status("404 Not Found"),
            },
        );
    let first = fs::read(desk.path("band.cuff")).unwrap();
    fetch(&without, "kept").expect(0);
    assert_eq!(fs::read(desk.path("band.cuff")).unwrap(), first);
    fetch(&without, "new").expect(1);
}

#[test]
fn addresses_are_folders_and_carry_no_secret() {
    for bad in [
        "http://user:secret@host/",
        "https://user@host/",
        "http://host/?token=secret",
        "http://host/#part",
        "http://",
        "http:///path",
        "ftp://host/",
        "host/path",
        "file:///etc",
        "http://host/with space",
    ] {
        assert!(
            matches!(Http::new(bad, HASTE), Err(HttpError::Address(_))),
            "{bad}"
        );
    }
    for (good, shown) in [
        ("http://host", "http://host/"),
        ("https://host:8443/a/b", "https://host:8443/a/b/"),
        ("http://[::1]:80/a/", "http://[::1]:80/a/"),
    ] {
        assert_eq!(Http::new(good, HASTE).unwrap().describe(), shown);
    }
}

/// A repository with one release, in a directory and on a server.
fn published(desk: &Desk) -> (Author, Server) {
    let mut author = Author::new();
    move_to_today(&mut author);
    author.publish(&desk.path("repo"));
    desk.write("root.json", author.root());
    let files: BTreeMap<String, Vec<u8>> = author.files();
    let server =
        Server::start(
            move |request| match files.get(request.path.trim_start_matches("repo/")) {
                Some(bytes) => Reply::file(bytes.clone()),
                None => Reply::status("404 Not Found"),
            },
        );
    (author, server)
}

#[test]
fn a_release_is_fetched_from_a_server_as_from_a_directory() {
    let desk = Desk::new().variable("NO_PROXY", "127.0.0.1");
    let (_, server) = published(&desk);
    let at = server.url("repo");
    let fetch = |from: &str, to: &str| {
        desk.cuff(&format!(
            "fetch {from} band/1.0.0 --root root.json --sealed -o {to} --metadata-dir kept-{to}"
        ))
    };
    fetch("repo", "directory").expect(0);
    fetch(&at, "server").expect(0);
    assert_eq!(
        fs::read(desk.path("directory")).unwrap(),
        fs::read(desk.path("server")).unwrap()
    );
    // The same again asks the memory, and the same from nowhere says so.
    fetch(&at, "server").expect(0);
    let offline = desk
        .cuff(&format!(
            "--offline fetch {at} band/1.0.0 --root root.json -o x --json"
        ))
        .expect(2);
    assert_eq!(offline.json()["error"]["rule"], "offline");
    let offline = desk.cuff(&format!("--offline check {at} --json")).expect(2);
    assert_eq!(offline.json()["error"]["rule"], "offline");
    drop(server);
    fetch(&at, "later").expect(3);
}

#[test]
fn a_server_is_checked_as_far_as_it_can_be_asked() {
    let desk = Desk::new().variable("NO_PROXY", "127.0.0.1");
    let (author, server) = published(&desk);
    let at = server.url("repo");
    let from_directory = desk.cuff("check repo --json");
    let from_server = desk.cuff(&format!("check {at} --json"));
    assert_eq!(from_server.code, from_directory.code, "{from_server}");
    let (here, there) = (from_directory.json(), from_server.json());
    assert_eq!(here["roles"], there["roles"]);
    assert_eq!(here["releases"], there["releases"]);
    // This server tells caches nothing; nobody is between a directory and its readers.
    let problems = there["problems"].as_array().unwrap().iter();
    let (caches, rest): (Vec<_>, Vec<_>) =
        problems.partition(|one| one["rule"].as_str().unwrap().starts_with("cache-"));
    assert_eq!(
        here["problems"]
            .as_array()
            .unwrap()
            .iter()
            .collect::<Vec<_>>(),
        rest
    );
    let rules: Vec<_> = caches.iter().map(|one| &one["rule"]).collect();
    assert_eq!(rules, ["cache-short", "cache-unset"]);
    let mut files = author.files();
    files.retain(|path, _| !path.contains("snapshot"));
    let half = Server::start(move |request| match files.get(request.path.as_str()) {
        Some(bytes) => Reply::file(bytes.clone()),
        None => Reply::status("404 Not Found"),
    });
    let checked = desk
        .cuff(&format!("check {} --json", half.url("")))
        .expect(1);
    assert!(checked.stdout.contains("missing-file"), "{checked}");
}

/// A program that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn python_serves_a_repository() {
    if std::env::var_os("CUFF_QUICK").is_some() {
        return;
    }
    let desk = Desk::new().variable("NO_PROXY", "127.0.0.1");
    let (_, _server) = published(&desk);
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let _python = Running(
        Command::new("python3")
            .args(["-m", "http.server", "--bind", "127.0.0.1"])
            .arg(free.port().to_string())
            .current_dir(desk.path(""))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 starts"),
    );
    for _ in 0..100 {
        if std::net::TcpStream::connect(free).is_ok() {
            break;
        }
        sleep(Duration::from_millis(50));
    }
    let line = format!("fetch http://{free}/repo band/1.0.0 --root root.json -o band.cuff");
    desk.cuff(&line).expect(0);
    desk.cuff(&format!("check http://{free}/repo")).expect(0);
}

const HTTPS: &str = "
import http.server, ssl, sys
server = http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('server.pem', 'server.key')
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
";

#[test]
fn https_is_believed_by_the_authorities_that_are_named() {
    if std::env::var_os("CUFF_QUICK").is_some() {
        return;
    }
    let desk = Desk::new()
        .variable("NO_PROXY", "localhost")
        .variable("SSL_CERT_FILE", "authority.pem");
    let (_, _server) = published(&desk);
    desk.write("names", "subjectAltName=DNS:localhost\n");
    for line in [
        "req -x509 -newkey rsa:2048 -nodes -keyout authority.key -out authority.pem -days 2 -subj /CN=authority",
        "req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -days 2 -subj /CN=other",
        "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost",
        "x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -out server.pem -days 2 -extfile names",
    ] {
        let output = Command::new("openssl")
            .args(line.split(' '))
            .current_dir(desk.path(""))
            .output()
            .expect("openssl starts");
        assert!(output.status.success(), "{output:?}");
    }
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let _python = Running(
        Command::new("python3")
            .args(["-c", HTTPS])
            .arg(free.port().to_string())
            .current_dir(desk.path(""))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 starts"),
    );
    for _ in 0..100 {
        if std::net::TcpStream::connect(free).is_ok() {
            break;
        }
        sleep(Duration::from_millis(50));
    }
    let line = format!(
        "fetch https://localhost:{}/repo band/1.0.0 --root root.json -o band.cuff",
        free.port()
    );
    desk.cuff(&line).expect(0);
    let desk = desk.variable("SSL_CERT_FILE", "other.pem");
    desk.cuff(&line).expect(3);
    let desk = desk.variable("SSL_CERT_FILE", "");
    desk.cuff(&line).expect(3);
    let desk = desk.variable("SSL_CERT_FILE", "names");
    let unfit = desk.cuff(&format!("{line} --json")).expect(2).json();
    assert_eq!(unfit["error"]["rule"], "certificate-authorities");
}

#[test]
fn a_proxy_from_the_environment_is_asked() {
    let asked: &'static Mutex<Vec<String>> = Box::leak(Box::default());
    let proxy = Server::start(move |request| {
        asked.lock().unwrap().push(request.path.clone());
        Reply::status("502 Bad Gateway")
    });
    let desk = Desk::new()
        .variable("http_proxy", proxy.url(""))
        .variable("HTTP_PROXY", proxy.url(""))
        .variable("ALL_PROXY", proxy.url(""))
        .variable("NO_PROXY", "")
        .variable("no_proxy", "");
    desk.write("root.json", Author::new().root());
    desk.cuff("fetch http://cuff.invalid/repo band/1.0.0 --root root.json -o x")
        .expect(3);
    assert!(!asked.lock().unwrap().is_empty());
}
