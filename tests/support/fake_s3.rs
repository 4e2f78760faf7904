//! A small S3 server for tests: honest, or with a fault that real servers were found to have, or failing at one chosen call.
//!
//! It speaks as much of the protocol as `object_store` uses, checks no signatures, and keeps everything in memory.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How far its conditional writes can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Honesty {
    /// All the way.
    Honest,
    /// It says yes to a write that must fail, and overwrites.
    Overwrites,
    /// It looks first and writes later.
    NotAtomic,
    /// It never finds that the object is the one that was meant.
    NeverMatches,
}

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status, and a code in the body.
    Status(u16, &'static str),
    /// Nothing for longer than anyone waits.
    Hang,
    /// The answer comes in small pieces.
    Slow,
    /// Half the answer, then the connection ends.
    Truncated,
    /// It is done, and the answer is lost.
    Lost,
    /// The test is told, and nothing more happens.
    Kill,
}

/// Which calls a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The Nth alone, counted from 0.
    Once(usize),
    /// The Nth and every one after it.
    From(usize),
    /// Removals.
    Deleting,
    /// Writes of objects whose name holds this.
    Writing(&'static str),
}

type Objects = BTreeMap<String, Object>;

/// Bytes, and the headers they were written with.
pub type Object = (Vec<u8>, Vec<(String, String)>);

/// The server.
pub struct FakeS3 {
    address: String,
    shared: Arc<Shared>,
    killed: Receiver<()>,
}

struct Shared {
    honesty: Honesty,
    objects: Mutex<Objects>,
    fault: Mutex<Option<(Fault, When)>>,
    calls: AtomicUsize,
    kill: Mutex<Sender<()>>,
}

impl FakeS3 {
    /// Starts one; it ends with the test's process.
    pub fn start(honesty: Honesty) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (kill, killed) = channel();
        let shared = Arc::new(Shared {
            honesty,
            objects: Mutex::default(),
            fault: Mutex::default(),
            calls: AtomicUsize::new(0),
            kill: Mutex::new(kill),
        });
        let server = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&server);
                thread::spawn(move || serve(&shared, stream));
            }
        });
        Self {
            address,
            shared,
            killed,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// From now on this goes wrong, and calls are counted from 0 again.
    pub fn fail(&self, fault: Option<(Fault, When)>) {
        *self.shared.fault.lock().unwrap() = fault;
        self.shared.calls.store(0, Ordering::SeqCst);
    }

    /// Calls since the last change of mind.
    pub fn calls(&self) -> usize {
        self.shared.calls.load(Ordering::SeqCst)
    }

    /// Waits until the call comes at which somebody is to be killed; false when it does not come.
    pub fn wait_for_the_kill(&self, patience: Duration) -> bool {
        self.killed.recv_timeout(patience).is_ok()
    }

    /// Every name in the bucket.
    pub fn names(&self) -> Vec<String> {
        self.shared
            .objects
            .lock()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    }

    /// An object, and the headers it was written with.
    pub fn object(&self, name: &str) -> Option<Object> {
        self.shared.objects.lock().unwrap().get(name).cloned()
    }

    /// Puts an object there by hand, or takes it away.
    pub fn edit(&self, name: &str, bytes: Option<&[u8]>) {
        let mut objects = self.shared.objects.lock().unwrap();
        match bytes {
            Some(bytes) => objects.insert(name.to_owned(), (bytes.to_vec(), Vec::new())),
            None => objects.remove(name),
        };
    }

    /// From now on caches are told this of an object.
    pub fn tell_caches(&self, name: &str, words: Option<&str>) {
        let mut objects = self.shared.objects.lock().unwrap();
        let (_, headers) = objects.get_mut(name).unwrap();
        headers.retain(|(name, _)| name != "cache-control");
        headers.extend(words.map(|words| ("cache-control".to_owned(), words.to_owned())));
    }

    /// All of it, to be put back later.
    pub fn snapshot(&self) -> Objects {
        self.shared.objects.lock().unwrap().clone()
    }

    /// Puts it back.
    pub fn restore(&self, objects: &Objects) {
        self.shared.objects.lock().unwrap().clone_from(objects);
    }
}

struct Request {
    method: String,
    key: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn serve(shared: &Shared, stream: TcpStream) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let call = shared.calls.fetch_add(1, Ordering::SeqCst);
        let fault = shared.fault.lock().unwrap().and_then(|(fault, when)| {
            let now = match when {
                When::Once(at) => call == at,
                When::From(at) => call >= at,
                When::Deleting => matches!(&*request.method, "POST" | "DELETE"),
                When::Writing(part) => request.method == "PUT" && request.key.contains(part),
            };
            now.then_some(fault)
        });
        let keep = match fault {
            Some(Fault::Status(status, code)) => {
                let body = format!("<Error><Code>{code}</Code><Message>said so</Message></Error>");
                send(&mut writer, &request, &answer(status, body), usize::MAX, 0)
            }
            Some(Fault::Hang) => {
                thread::sleep(Duration::from_secs(20));
                false
            }
            Some(Fault::Kill) => {
                let _ = shared.kill.lock().unwrap().send(());
                thread::sleep(Duration::from_secs(20));
                false
            }
            Some(Fault::Lost) => {
                handle(shared, &request);
                false
            }
            Some(Fault::Truncated) => {
                let response = handle(shared, &request);
                send(&mut writer, &request, &response, response.body.len() / 2, 0);
                false
            }
            Some(Fault::Slow) => {
                let response = handle(shared, &request);
                send(&mut writer, &request, &response, usize::MAX, 2)
            }
            None => send(
                &mut writer,
                &request,
                &handle(shared, &request),
                usize::MAX,
                0,
            ),
        };
        if !keep {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    // The bucket is the first part of the path, and there is no other.
    let key = path
        .trim_start_matches('/')
        .split_once('/')
        .map_or("", |(_, key)| key);
    Some(Request {
        method,
        key: key.to_owned(),
        query: query.to_owned(),
        headers,
        body,
    })
}

fn send(
    stream: &mut TcpStream,
    request: &Request,
    response: &Response,
    most: usize,
    slow: u64,
) -> bool {
    let mut head = format!("HTTP/1.1 {} x\r\n", response.status);
    for (name, value) in &response.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    let length = response.body.len().to_string();
    head.extend(["content-length: ", &length, "\r\n\r\n"]);
    let body = if request.method == "HEAD" {
        &[][..]
    } else {
        &response.body[..response.body.len().min(most)]
    };
    if stream.write_all(head.as_bytes()).is_err() {
        return false;
    }
    for piece in body.chunks(if slow > 0 { 512 } else { usize::MAX }) {
        thread::sleep(Duration::from_millis(slow));
        if stream.write_all(piece).is_err() {
            return false;
        }
    }
    stream.flush().is_ok()
}

fn handle(shared: &Shared, request: &Request) -> Response {
    match request.method.as_str() {
        "GET" if request.key.is_empty() => list(shared, &request.query),
        "GET" | "HEAD" => get(shared, request),
        "PUT" => put(shared, request),
        "POST" => {
            let text = String::from_utf8_lossy(&request.body).into_owned();
            let mut gone = String::new();
            for key in text.split("<Key>").skip(1) {
                let key = key.split("</Key>").next().unwrap();
                shared.objects.lock().unwrap().remove(key);
                gone.extend(["<Deleted><Key>", key, "</Key></Deleted>"]);
            }
            answer(200, format!("<DeleteResult>{gone}</DeleteResult>"))
        }
        "DELETE" => {
            shared.objects.lock().unwrap().remove(&request.key);
            answer(204, String::new())
        }
        _ => answer(501, String::new()),
    }
}

fn get(shared: &Shared, request: &Request) -> Response {
    let objects = shared.objects.lock().unwrap();
    let Some((bytes, headers)) = objects.get(&request.key) else {
        return answer(404, "<Error><Code>NoSuchKey</Code></Error>".to_owned());
    };
    let mut headers = headers.clone();
    headers.push(("etag".to_owned(), etag(bytes)));
    headers.push((
        "last-modified".to_owned(),
        "Thu, 01 Jan 2026 00:00:00 GMT".to_owned(),
    ));
    // A client whose answer ended early asks for the rest.
    let range = request.headers.get("range");
    let from = range.and_then(|range| {
        range
            .strip_prefix("bytes=")?
            .split('-')
            .next()?
            .parse()
            .ok()
    });
    let from: usize = from.unwrap_or(0);
    let last = range.and_then(|range| range.rsplit('-').next()?.parse::<usize>().ok());
    let end = last.map_or(bytes.len(), |last| bytes.len().min(last + 1));
    if range.is_some() {
        let (last, all) = (end - 1, bytes.len());
        headers.push((
            "content-range".to_owned(),
            format!("bytes {from}-{last}/{all}"),
        ));
    }
    Response {
        status: if range.is_some() { 206 } else { 200 },
        headers,
        body: bytes[from..end].to_vec(),
    }
}

fn put(shared: &Shared, request: &Request) -> Response {
    let meant = |there: Option<&Vec<u8>>| {
        if request.headers.contains_key("if-none-match") {
            there.is_none()
        } else if let Some(wanted) = request.headers.get("if-match") {
            shared.honesty != Honesty::NeverMatches
                && there.is_some_and(|bytes| etag(bytes) == *wanted)
        } else {
            true
        }
    };
    let mut objects = shared.objects.lock().unwrap();
    let go = meant(objects.get(&request.key).map(|(bytes, _)| bytes));
    if shared.honesty == Honesty::NotAtomic {
        drop(objects);
        thread::sleep(Duration::from_millis(30));
        objects = shared.objects.lock().unwrap();
    }
    if !go && shared.honesty != Honesty::Overwrites {
        let body = "<Error><Code>PreconditionFailed</Code></Error>";
        return answer(412, body.to_owned());
    }
    let kept = ["cache-control", "content-type"];
    let headers = kept.iter().filter_map(|name| {
        let value = request.headers.get(*name)?;
        Some(((*name).to_owned(), value.clone()))
    });
    let entry = (request.body.clone(), headers.collect());
    objects.insert(request.key.clone(), entry);
    let mut response = answer(200, String::new());
    response
        .headers
        .push(("etag".to_owned(), etag(&request.body)));
    response
}

fn list(shared: &Shared, query: &str) -> Response {
    let prefix = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("prefix="))
        .unwrap_or_default()
        .replace("%2F", "/");
    let mut body = "<ListBucketResult><IsTruncated>false</IsTruncated>".to_owned();
    for (key, (bytes, _)) in shared.objects.lock().unwrap().iter() {
        if key.starts_with(&prefix) {
            body.extend([format!(
                "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
                etag(bytes).replace('"', "&quot;"),
                bytes.len()
            )]);
        }
    }
    body.push_str("</ListBucketResult>");
    answer(200, body)
}

fn answer(status: u16, body: String) -> Response {
    Response {
        status,
        headers: Vec::new(),
        body: body.into_bytes(),
    }
}

fn etag(bytes: &[u8]) -> String {
    format!("\"{}\"", cuff::role::wire::Hex::sha256(bytes))
}
