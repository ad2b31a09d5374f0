//! A line echo server as a Tokio textbook has it: a task for each connection, `read_until`, `write_all`.
//! The runtime has one thread, as the servers that it is compared with have one core.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

const BACKLOG: u32 = 4096;
const ACCEPT_RETRY: Duration = Duration::from_millis(10);

async fn serve(mut stream: TcpStream, discards: bool) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line).await?;
        if line.last() != Some(&b'\n') {
            return Ok(()); // The end, or the beginning of a line that never came.
        }
        if !discards {
            writer.write_all(&line).await?;
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let (port, discards) = options();
    raise_descriptor_limit();
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(([127, 0, 0, 1], port).into())?;
    let listener = socket.listen(BACKLOG)?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, discards))),
            // No descriptor left, for example.
            Err(_) => tokio::time::sleep(ACCEPT_RETRY).await,
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
            eprintln!("usage: tokio --port N [--handler echo|discard]");
            std::process::exit(2)
        }
    }
}

fn raise_descriptor_limit() {
    let mut files = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both get a valid structure.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut files) == 0 {
            files.rlim_cur = files.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &files);
        }
    }
}
