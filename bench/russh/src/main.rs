//! A client and a server that forward TCP connections, on the crate russh: a peer to measure beside.
//! It does no more than the measurements need: it trusts any host key and lets any key in.
//!
//! ```text
//!   russh-forward client HOST:PORT KEY CIPHER LISTEN:TARGET...    forwards of 127.0.0.1 to 127.0.0.1
//!   russh-forward server HOST:PORT KEY CIPHER
//! ```

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate, load_secret_key};
use russh::{
    Channel, ChannelId, ChannelMsg, ChannelOpenFailure, Preferred, cipher, client, kex, server,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What was measured to be best here for bulk.
const BUFFER: usize = 65536;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [role, address, key, cipher, forwards @ ..] = args.as_slice() else {
        return Err("client | server HOST:PORT KEY CIPHER LISTEN:TARGET...".into());
    };
    match role.as_str() {
        "client" => client(address, key, cipher, forwards).await,
        _ => serve(address, key, cipher).await,
    }
}

fn preferred(cipher: &str) -> Result<Preferred, Failure> {
    let cipher = cipher::Name::try_from(cipher).map_err(|()| "no such cipher")?;
    let kex = vec![
        kex::CURVE25519,
        kex::EXTENSION_SUPPORT_AS_CLIENT,
        kex::EXTENSION_SUPPORT_AS_SERVER,
        kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
        kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
    ];
    Ok(Preferred {
        cipher: Cow::Owned(vec![cipher]),
        kex: Cow::Owned(kex),
        ..Preferred::default()
    })
}

async fn half<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(mut from: R, mut to: W) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        if to.write_all(&buffer[..n]).await.is_err() {
            break;
        }
    }
    drop(to.shutdown().await);
}

async fn carry<S>(tcp: TcpStream, channel: Channel<S>)
where
    S: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static,
{
    drop(tcp.set_nodelay(true));
    let (from_peer, to_peer) = tokio::io::split(channel.into_stream());
    let (from_tcp, to_tcp) = tcp.into_split();
    tokio::join!(half(from_tcp, to_peer), half(from_peer, to_tcp));
}

struct AnyHost;

impl client::Handler for AnyHost {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

async fn client(
    address: &str,
    key: &str,
    cipher: &str,
    forwards: &[String],
) -> Result<(), Failure> {
    let config = client::Config {
        nodelay: true,
        preferred: preferred(cipher)?,
        ..Default::default()
    };
    let key = Arc::new(load_secret_key(key, None)?);
    let mut session = client::connect(Arc::new(config), address, AnyHost).await?;
    let key = PrivateKeyWithHashAlg::new(key, None);
    if !session.authenticate_publickey("root", key).await?.success() {
        return Err("not let in".into());
    }
    let session = Arc::new(session);
    for forward in forwards {
        let (listen, target) = forward.split_once(':').ok_or("LISTEN:TARGET")?;
        let listener = TcpListener::bind(("127.0.0.1", listen.parse()?)).await?;
        tokio::spawn(accept(listener, Arc::clone(&session), target.parse()?));
    }
    while !session.is_closed() {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

async fn accept(listener: TcpListener, session: Arc<client::Handle<AnyHost>>, target: u32) {
    loop {
        let Ok((tcp, from)) = listener.accept().await else {
            continue;
        };
        let session = Arc::clone(&session);
        tokio::spawn(async move {
            let (address, port) = (from.ip().to_string(), u32::from(from.port()));
            match session
                .channel_open_direct_tcpip("127.0.0.1", target, address, port)
                .await
            {
                Ok(channel) => carry(tcp, channel).await,
                Err(error) => eprintln!("open: {error}"),
            }
        });
    }
}

#[derive(Clone)]
struct Anyone;

impl server::Server for Anyone {
    type Handler = Self;

    fn new_client(&mut self, _: Option<std::net::SocketAddr>) -> Self {
        Self
    }
}

impl server::Handler for Anyone {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _: &str,
        _: server::VerifiedPublicKey<'_>,
    ) -> Result<server::Auth, russh::Error> {
        Ok(server::Auth::Accept)
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<server::Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: server::ChannelOpenHandle,
        _: &mut server::Session,
    ) -> Result<(), russh::Error> {
        let to = (host.to_owned(), u16::try_from(port).unwrap_or(0));
        tokio::spawn(async move {
            match TcpStream::connect(to).await {
                Ok(tcp) => {
                    reply.accept().await;
                    carry(tcp, channel).await;
                }
                Err(_) => reply.reject(ChannelOpenFailure::ConnectFailed).await,
            }
        });
        Ok(())
    }
}

async fn serve(address: &str, key: &str, cipher: &str) -> Result<(), Failure> {
    use server::Server as _;
    let config = server::Config {
        nodelay: true,
        preferred: preferred(cipher)?,
        keys: vec![load_secret_key(key, None)?],
        inactivity_timeout: None,
        ..Default::default()
    };
    let listener = TcpListener::bind(address).await?;
    Anyone.run_on_socket(Arc::new(config), &listener).await?;
    Ok(())
}
