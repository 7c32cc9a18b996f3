//! `tidegate socket`: sends commands to a stats socket and writes the answer.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::Context as _;

use crate::args::SocketArgs;

/// Longest silence of the process that is asked.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends the command and writes what is answered.
pub fn socket(args: &SocketArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let SocketArgs { command, path } = args;
    let line = format!("{}\n", command.join(" "));
    let count = match path.parse::<SocketAddr>() {
        Ok(address) => {
            let stream = TcpStream::connect_timeout(&address, ANSWER_TIMEOUT);
            let mut stream = stream.with_context(|| format!("nobody listens at {path}"))?;
            stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
            stream.write_all(line.as_bytes())?;
            stream.shutdown(Shutdown::Write)?;
            copy(stream, out)
        }
        Err(_) => {
            let stream = UnixStream::connect(path);
            let mut stream = stream.with_context(|| {
                format!("no stats socket at {path}: start with --stats-socket (chart: stats.socket.enabled), or name it with --path")
            })?;
            stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
            stream.write_all(line.as_bytes())?;
            stream.shutdown(Shutdown::Write)?;
            copy(stream, out)
        }
    };
    let count = count.with_context(|| format!("no answer of {path}"))?;
    anyhow::ensure!(count > 0, "{path} gave no answer");
    Ok(())
}

fn copy(mut stream: impl Read, out: &mut impl Write) -> io::Result<u64> {
    let count = io::copy(&mut stream, out)?;
    out.flush()?;
    Ok(count)
}
