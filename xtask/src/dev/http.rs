//! Just enough HTTP to ask our own gateway two things.

use std::{io, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::PATIENCE;

/// Waits until the gateway says that it is ready.
///
/// # Errors
///
/// When it does not become ready; the message shows its last answer.
pub(crate) async fn until_ready(url: &str) -> io::Result<()> {
    let mut last = String::new();
    let ready = timeout(PATIENCE, async {
        loop {
            match get(url, "/health/ready", None).await {
                Ok((200, _)) => return,
                Ok((_, body)) => last = body,
                Err(error) => last = error.to_string(),
            }
            sleep(Duration::from_millis(25)).await;
        }
    })
    .await;
    ready.map_err(|_| io::Error::other(format!("the gateway does not become ready: {last}")))
}

/// The names of the models that this key may call.
///
/// # Errors
///
/// When the gateway does not answer with a list.
pub(crate) async fn models(url: &str, key: &str) -> io::Result<Vec<String>> {
    let (status, body) = get(url, "/v1/models", Some(key)).await?;
    let answer: Value = serde_json::from_str(&body)?;
    match answer.get("data").and_then(Value::as_array) {
        Some(models) if status == 200 => Ok(models
            .iter()
            .filter_map(|model| model.get("id")?.as_str())
            .map(ToOwned::to_owned)
            .collect()),
        _ => Err(io::Error::other(format!(
            "the gateway lists no models: {status} {body}"
        ))),
    }
}

async fn get(url: &str, path: &str, key: Option<&str>) -> io::Result<(u16, String)> {
    let host = url.trim_start_matches("http://");
    let mut connection = TcpStream::connect(host).await?;
    let authorization = key.map(|key| format!("authorization: Bearer {key}\r\n"));
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{}\r\n",
        authorization.unwrap_or_default()
    );
    connection.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    match (status, answer.split_once("\r\n\r\n")) {
        (Some(status), Some((_, body))) => Ok((status, body.to_owned())),
        _ => Err(io::Error::other("the gateway does not speak HTTP")),
    }
}
