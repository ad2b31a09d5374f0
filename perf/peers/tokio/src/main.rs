//! A line echo server as a Tokio textbook has it: a task for each connection, `read_until`, `write_all`.
//! The runtime has one thread, because the servers that it is compared with have one core.

mod waiting;

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use waiting::Wait;

const BACKLOG: u32 = 4096;
const ACCEPT_RETRY: Duration = Duration::from_millis(10);

/// What is done with each line.
#[derive(Clone, Copy)]
enum Handler {
    Echo,
    Discard,
    AwaitYield,
    AwaitTask,
}

async fn serve(stream: TcpStream, handler: Handler) -> io::Result<()> {
    match handler {
        Handler::Echo => take(stream, false).await,
        Handler::Discard => take(stream, true).await,
        Handler::AwaitYield => waiting::serve(stream, Wait::Yield).await,
        Handler::AwaitTask => waiting::serve(stream, Wait::task()).await,
    }
}

async fn take(mut stream: TcpStream, discards: bool) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line).await?;
        if line.last() != Some(&b'\n') {
            return Ok(()); // The end. The beginning of a line without its LF is dropped.
        }
        if !discards {
            writer.write_all(&line).await?;
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let (port, handler) = options();
    raise_descriptor_limit();
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(([127, 0, 0, 1], port).into())?;
    let listener = socket.listen(BACKLOG)?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, handler))),
            // No descriptor left, for example.
            Err(_) => tokio::time::sleep(ACCEPT_RETRY).await,
        }
    }
}

fn options() -> (u16, Handler) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (port, handler) = match arguments[..] {
        ["--port", port] | ["--port", port, "--handler", "echo"] => (port, Handler::Echo),
        ["--port", port, "--handler", "discard"] => (port, Handler::Discard),
        ["--port", port, "--handler", "await-yield"] => (port, Handler::AwaitYield),
        ["--port", port, "--handler", "await-task"] => (port, Handler::AwaitTask),
        _ => {
            eprintln!("usage: tokio --port N [--handler echo|discard|await-yield|await-task]");
            std::process::exit(2)
        }
    };
    (port.parse().expect("a port"), handler)
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
