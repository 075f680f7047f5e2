//! Requests as bytes, which a client library would not send.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The response to these bytes as text. The connection is half closed after them.
pub async fn answer(authority: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(authority).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of the first response to these bytes.
pub async fn status(authority: &str, request: &str) -> u16 {
    let answer = answer(authority, request).await;
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).map(str::parse);
    status.unwrap_or_else(|| panic!("no answer of HTTP/1.1: {answer}")).unwrap()
}
