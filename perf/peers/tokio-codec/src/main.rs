//! A line echo server with Tokio's `LinesCodec`: a task for each connection, a `Framed` that lines come from and go to as `String`s.
//! `send` flushes each line, as in the codec's documentation. The last line is one also without its LF.
//! The runtime has one thread, as the servers that it is compared with have one core.

use std::io;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_util::codec::{Framed, LinesCodec, LinesCodecError};

const BACKLOG: u32 = 4096;
const ACCEPT_RETRY: Duration = Duration::from_millis(10);
const LINE_MAX_SIZE: usize = 64 * 1024;

async fn serve(stream: TcpStream, discards: bool) -> Result<(), LinesCodecError> {
    stream.set_nodelay(true)?;
    let mut lines = Framed::new(stream, LinesCodec::new_with_max_length(LINE_MAX_SIZE));
    while let Some(line) = lines.next().await {
        let line = line?;
        if !discards {
            lines.send(line).await?;
        }
    }
    Ok(())
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
            eprintln!("usage: tokio-codec --port N [--handler echo|discard]");
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
