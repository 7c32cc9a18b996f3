//! Another way to an API server, which can be cut without a word to either side.

use std::io;
use std::marker::PhantomData;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use anyhow::Result;

use crate::ApiServer;
use crate::image::run as execute;

/// Host of the address that leads to the API server by a detour.
pub(crate) const HOST: u8 = 2;
const PORT: u16 = 6443;

/// A forwarder on an address of its own: whoever goes by it can lose the API server while others still have it.
#[derive(Debug)]
pub struct Detour<'a> {
    address: Ipv4Addr,
    kubeconfig: PathBuf,
    /// The address is one of its run.
    api: PhantomData<&'a ApiServer>,
}

impl<'a> Detour<'a> {
    /// Opens the way. There is one for each API server.
    ///
    /// # Panics
    /// When the address is taken or the kubeconfig cannot be written.
    pub fn open(api: &'a ApiServer) -> Self {
        let run = api.run();
        let address = run.address(HOST);
        let listener = TcpListener::bind((address, PORT)).expect("nobody else has the address");
        let server = SocketAddr::from((run.address(1), PORT));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A server that is away costs the client its connection.
                let Ok(server) = TcpStream::connect(server) else { continue };
                let _ = join(&client, &server);
            }
        });
        let kubeconfig = run.directory().join("detour.kubeconfig");
        let detour = Self { address, kubeconfig, api: PhantomData };
        for rule in detour.rules() {
            run.undo(&format!("iptables -w -D INPUT {} 2>/dev/null", rule.join(" "))).expect("it is written down");
        }
        let text = std::fs::read_to_string(api.kubeconfig()).expect("a kubeconfig");
        let text = text.replace(&api.url(), &format!("https://{address}:{PORT}"));
        std::fs::write(&detour.kubeconfig, text).expect("it can be written");
        detour
    }

    /// Kubeconfig of the administrator by this way.
    pub fn kubeconfig(&self) -> PathBuf {
        self.kubeconfig.clone()
    }

    /// Drops every packet of this way from now on: connections stay open and nothing arrives.
    #[track_caller]
    pub fn cut(&self) {
        self.change("-I").expect("packets are dropped");
    }

    /// Lets packets through again.
    #[track_caller]
    pub fn mend(&self) {
        self.change("-D").expect("packets are let through");
    }

    fn change(&self, how: &str) -> Result<()> {
        for rule in self.rules() {
            execute(Command::new("iptables").args(["-w", how, "INPUT"]).args(rule))?;
        }
        Ok(())
    }

    fn rules(&self) -> [[String; 4]; 2] {
        ["-s", "-d"].map(|side| [side.into(), self.address.to_string(), "-j".into(), "DROP".into()])
    }
}

impl Drop for Detour<'_> {
    fn drop(&mut self) {
        // They are there if the test failed in between.
        for rule in self.rules() {
            let _ = execute(Command::new("iptables").args(["-w", "-D", "INPUT"]).args(rule));
        }
    }
}

/// Forwards in both directions until either ends.
fn join(client: &TcpStream, server: &TcpStream) -> io::Result<()> {
    for (from, to) in [(client, server), (server, client)] {
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    Ok(())
}
