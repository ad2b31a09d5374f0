//! A line echo server of Rust's standard library: a thread for each connection, `read_until`, `write_all`.

use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::net::{TcpListener, TcpStream};
use std::os::raw::c_int;
use std::os::unix::io::AsRawFd;
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

const BACKLOG: c_int = 4096;
const STACK_SIZE: usize = 64 * 1024;
const ACCEPT_RETRY: Duration = Duration::from_millis(10);

/// The capacity of each channel. One line is under way at a time.
const CAPACITY: usize = 32;

/// What is done with each line.
#[derive(Clone, Copy)]
enum Handler {
    Echo,
    Discard,
    AwaitYield,
    AwaitTask,
}

fn serve(stream: TcpStream, handler: Handler) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match handler {
        Handler::Echo => echo(&stream, false),
        Handler::Discard => echo(&stream, true),
        Handler::AwaitYield => wait(&stream, |line| {
            thread::yield_now();
            Some(line)
        }),
        Handler::AwaitTask => {
            let (there, back) = second_thread()?;
            wait(&stream, |line| there.send(line).ok().and_then(|_| back.recv().ok()))
        }
    }
}

fn echo(stream: &TcpStream, discards: bool) -> io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Ok(()); // The end, or the beginning of a line that never came.
        }
        if !discards {
            writer.write_all(&line)?;
        }
    }
}

/// Replies are flushed when no further complete line is buffered: a system call for each line would hide what the
/// wait costs.
fn wait(stream: &TcpStream, mut pass: impl FnMut(Vec<u8>) -> Option<Vec<u8>>) -> io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(stream), BufWriter::new(stream));
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Ok(());
        }
        line = match pass(line) {
            Some(line) => line,
            None => return Ok(()),
        };
        writer.write_all(&line)?;
        if !reader.buffer().contains(&b'\n') {
            writer.flush()?;
        }
    }
}

/// A thread that sends back what it gets. It ends when the sender is dropped.
fn second_thread() -> io::Result<(SyncSender<Vec<u8>>, Receiver<Vec<u8>>)> {
    let (there, lines) = sync_channel::<Vec<u8>>(CAPACITY);
    let (replies, back) = sync_channel(CAPACITY);
    thread::Builder::new().stack_size(STACK_SIZE).spawn(move || {
        for line in lines {
            if replies.send(line).is_err() {
                return;
            }
        }
    })?;
    Ok((there, back))
}

fn main() -> io::Result<()> {
    let (port, handler) = options();
    raise_descriptor_limit();
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    // The library asks for 128. A second listen(2) only changes that.
    // SAFETY: the descriptor is open.
    if unsafe { listen(listener.as_raw_fd(), BACKLOG) } != 0 {
        return Err(io::Error::last_os_error());
    }
    loop {
        let started = listener.accept().and_then(|(stream, _)| thread::Builder::new().stack_size(STACK_SIZE).spawn(move || serve(stream, handler)));
        if let Err(error) = started {
            // No descriptor left, or no thread.
            eprintln!("rust-threads: a connection is lost: {error}");
            thread::sleep(ACCEPT_RETRY);
        }
    }
}

/// The port, and what is done with lines.
fn options() -> (u16, Handler) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--port", port] | ["--port", port, "--handler", "echo"] => (number(port), Handler::Echo),
        ["--port", port, "--handler", "discard"] => (number(port), Handler::Discard),
        ["--port", port, "--handler", "await-yield"] => (number(port), Handler::AwaitYield),
        ["--port", port, "--handler", "await-task"] => (number(port), Handler::AwaitTask),
        _ => {
            eprintln!("usage: rust-threads --port N [--handler echo|discard|await-yield|await-task]");
            std::process::exit(2)
        }
    }
}

fn number(port: &str) -> u16 {
    port.parse().expect("a port")
}

// What the standard library has no call for. It is linked to the C library in any case.
#[repr(C)]
struct Limit {
    current: u64,
    maximum: u64,
}

const RLIMIT_NOFILE: c_int = 7;

extern "C" {
    fn listen(socket: c_int, backlog: c_int) -> c_int;
    fn getrlimit(resource: c_int, limit: *mut Limit) -> c_int;
    fn setrlimit(resource: c_int, limit: *const Limit) -> c_int;
}

fn raise_descriptor_limit() {
    let mut files = Limit { current: 0, maximum: 0 };
    // SAFETY: both get a valid structure.
    unsafe {
        if getrlimit(RLIMIT_NOFILE, &mut files) == 0 {
            files.current = files.maximum;
            setrlimit(RLIMIT_NOFILE, &files);
        }
    }
}
