//! A DNS server for tests: names of Services and of hosts, for a Tidegate whose `resolv.conf` leads here.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Result;

const A: [u8; 2] = [0, 1];
const NXDOMAIN: u8 = 3;

/// Answers at port 53 of this address for as long as the process lives: a name, in lower case and without a dot at its end, has the
/// address that `address_of` says, and no other. Writes a `resolv.conf` that leads there into `folder`.
///
/// # Panics
/// When the address is not free.
pub fn serve_names(
    address: Ipv4Addr,
    folder: &Path,
    address_of: impl Fn(&str) -> Option<Ipv4Addr> + Send + 'static,
) -> PathBuf {
    let socket = UdpSocket::bind((address, 53)).expect("a free address");
    thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, peer)) = socket.recv_from(&mut question) {
            if let Some(answer) = answer(&question[..length], &address_of) {
                // Who asked asks again.
                let _ = socket.send_to(&answer, peer);
            }
        }
    });
    write(address, folder).expect("the folder is writable")
}

fn write(address: Ipv4Addr, folder: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let file = folder.join("resolv.conf");
    std::fs::write(&file, format!("nameserver {address}\noptions attempts:1 timeout:2\n"))?;
    Ok(file)
}

fn answer(question: &[u8], address_of: &impl Fn(&str) -> Option<Ipv4Addr>) -> Option<Vec<u8>> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(question.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let address = address_of(&labels.join("."));
    let found = address.filter(|_| question.get(at..at + 2).is_some_and(|kind| kind == A));
    let code = if address.is_some() { 0 } else { NXDOMAIN };
    let mut answer = question.get(..2)?.to_vec();
    // A response, recursion asked for and available; one question and perhaps one answer.
    answer.extend([0x81, 0x80 | code, 0, 1, 0, u8::from(found.is_some()), 0, 0, 0, 0]);
    answer.extend(question.get(12..at + 4)?);
    if let Some(address) = found {
        // The name of the question, A, IN, 60 s, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(address.octets());
    }
    Some(answer)
}
