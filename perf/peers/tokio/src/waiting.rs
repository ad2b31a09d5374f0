//! Handlers that wait before each reply.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task;

/// The capacity of each channel, as in Tokio's tutorial. One line is under way at a time.
const CAPACITY: usize = 32;

/// How a line waits.
pub enum Wait {
    /// Other tasks run.
    Yield,
    /// The line goes to a second task of the connection and comes back.
    Task { there: mpsc::Sender<Vec<u8>>, back: mpsc::Receiver<Vec<u8>> },
}

impl Wait {
    /// Starts the second task. It ends when `there` is dropped.
    pub fn task() -> Self {
        let (there, mut lines) = mpsc::channel(CAPACITY);
        let (replies, back) = mpsc::channel(CAPACITY);
        tokio::spawn(async move {
            while let Some(line) = lines.recv().await {
                if replies.send(line).await.is_err() {
                    return;
                }
            }
        });
        Wait::Task { there, back }
    }

    /// The line after its wait; `None` if the second task is gone.
    async fn pass(&mut self, line: Vec<u8>) -> Option<Vec<u8>> {
        match self {
            Wait::Yield => {
                task::yield_now().await;
                Some(line)
            }
            Wait::Task { there, back } => {
                there.send(line).await.ok()?;
                back.recv().await
            }
        }
    }
}

/// Replies are flushed when no further complete line is buffered: a system call for each line would hide what
/// the wait costs.
pub async fn serve(mut stream: TcpStream, mut wait: Wait) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.split();
    let mut reader = BufReader::new(reader);
    let mut writer = BufWriter::new(writer);
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line).await?;
        if line.last() != Some(&b'\n') {
            return Ok(()); // The end. The beginning of a line without its LF is dropped.
        }
        line = match wait.pass(line).await {
            Some(line) => line,
            None => return Ok(()),
        };
        writer.write_all(&line).await?;
        if !reader.buffer().contains(&b'\n') {
            writer.flush().await?;
        }
    }
}
