//! A line echo server of Rust's standard library: a thread for each connection, `read_until`, `write_all`.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::raw::c_int;
use std::os::unix::io::AsRawFd;
use std::thread;
use std::time::Duration;

const BACKLOG: c_int = 4096;
const STACK_SIZE: usize = 64 * 1024;
const ACCEPT_RETRY: Duration = Duration::from_millis(10);

fn serve(stream: TcpStream, discards: bool) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = (BufReader::new(&stream), &stream);
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

fn main() -> io::Result<()> {
    let (port, discards) = options();
    raise_descriptor_limit();
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    // The library asks for 128. A second listen(2) only changes that.
    // SAFETY: the descriptor is open.
    if unsafe { listen(listener.as_raw_fd(), BACKLOG) } != 0 {
        return Err(io::Error::last_os_error());
    }
    loop {
        let started = listener.accept().and_then(|(stream, _)| thread::Builder::new().stack_size(STACK_SIZE).spawn(move || serve(stream, discards)));
        if let Err(error) = started {
            // No descriptor left, or no thread.
            eprintln!("rust-threads: a connection is lost: {error}");
            thread::sleep(ACCEPT_RETRY);
        }
    }
}

/// The port, and whether lines are discarded.
fn options() -> (u16, bool) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--port", port] | ["--port", port, "--handler", "echo"] => (port.parse().expect("a port"), false),
        ["--port", port, "--handler", "discard"] => (port.parse().expect("a port"), true),
        _ => {
            eprintln!("usage: rust-threads --port N [--handler echo|discard]");
            std::process::exit(2)
        }
    }
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
