//! A web server that does as it is told: serves, cuts off, drips, never ends, never answers.
//!
//! Give it a function from request to reply; it answers on a port of its own until it is dropped.
#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// What a client asked for.
pub struct Request {
    /// The path, as it came: nothing is decoded.
    pub path: String,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Where a range begins.
    pub fn from(&self) -> Option<usize> {
        let range = self.header("range")?.strip_prefix("bytes=")?;
        range.strip_suffix('-')?.parse().ok()
    }
}

/// What comes back.
pub struct Reply {
    /// The status and its words.
    pub status: &'static str,
    /// Headers besides `Content-Length` and `Connection`.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Body,
}

/// How a body comes.
pub enum Body {
    /// As it should.
    Whole(Vec<u8>),
    /// Announced in full, and cut off after so many bytes.
    Cut(Vec<u8>, usize),
    /// One byte at a time, with pauses, and no length announced.
    Drip(Vec<u8>, Duration),
    /// Without an end, and no length announced.
    Endless,
    /// No answer at all for so long, not even a status.
    Silence(Duration),
}

impl Reply {
    /// A file.
    pub fn file(bytes: impl Into<Vec<u8>>) -> Self {
        Self::of(Body::Whole(bytes.into()))
    }

    /// A good answer with such a body.
    pub fn of(body: Body) -> Self {
        Self {
            status: "200 OK",
            headers: Vec::new(),
            body,
        }
    }

    /// A status alone.
    pub fn status(status: &'static str) -> Self {
        Self {
            status,
            ..Self::file("")
        }
    }

    /// With a header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The server.
pub struct Server {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    listening: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Answers with what the function says.
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let answer = Arc::new(answer);
        let listening = thread::spawn({
            let over = Arc::clone(&over);
            move || {
                for stream in listener.incoming() {
                    if over.load(Ordering::SeqCst) {
                        break;
                    }
                    let (answer, over) = (Arc::clone(&answer), Arc::clone(&over));
                    // A client that went away is nobody's failure.
                    thread::spawn(move || stream.map(|stream| serve(&stream, &*answer, &over)));
                }
            }
        });
        Self {
            address,
            over,
            listening: Some(listening),
        }
    }

    /// Answers with the files of a folder, as any static web server does.
    pub fn of_folder(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self::start(move |request| match fs::read(folder.join(&request.path)) {
            Ok(bytes) => Reply::file(bytes),
            Err(_) => Reply::status("404 Not Found"),
        })
    }

    /// The address of what is below it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

fn serve(
    mut stream: &TcpStream,
    answer: &dyn Fn(&Request) -> Reply,
    over: &AtomicBool,
) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let path = first.split(' ').nth(1)?.trim_start_matches('/').to_owned();
    let mut headers = Vec::new();
    while let Some(Ok(line)) = lines
        .next()
        .filter(|line| !matches!(line, Ok(line) if line.is_empty()))
    {
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let reply = answer(&Request { path, headers });
    if let Body::Silence(time) = reply.body {
        let pieces = u32::try_from(time.as_millis() / 20).unwrap();
        for _ in 0..pieces {
            thread::sleep(Duration::from_millis(20));
            if over.load(Ordering::SeqCst) {
                break;
            }
        }
        return None;
    }
    let mut head = format!("HTTP/1.1 {}\r\nConnection: close\r\n", reply.status);
    if let Body::Whole(bytes) | Body::Cut(bytes, _) = &reply.body {
        head.extend(["Content-Length: ", &bytes.len().to_string(), "\r\n"]);
    }
    for (name, value) in &reply.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    stream.write_all((head + "\r\n").as_bytes()).ok()?;
    match reply.body {
        Body::Whole(bytes) => stream.write_all(&bytes).ok()?,
        Body::Cut(bytes, at) => stream.write_all(&bytes[..at]).ok()?,
        Body::Drip(bytes, pause) => {
            for byte in bytes {
                stream.write_all(&[byte]).ok()?;
                thread::sleep(pause);
                if over.load(Ordering::SeqCst) {
                    break;
                }
            }
        }
        Body::Endless => loop {
            stream.write_all(&[b' '; 4096]).ok()?;
        },
        Body::Silence(_) => {}
    }
    Some(())
}
