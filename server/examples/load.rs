//! Sends one request again and again over a few connections and prints how the answers came, as one JSON object.
//! Only to this machine.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Parser;
use reqwest::{Client, Method, Url};
use serde_json::json;

/// Most requests whose times are kept.
const MAX_SAMPLES: usize = 1 << 22;

#[derive(Debug, Parser)]
struct Arguments {
    /// Where to send the request
    url: Url,
    /// File with the body; without one the request is a GET
    #[arg(long)]
    body: Option<PathBuf>,
    /// Media type of the body
    #[arg(long, default_value = "application/json")]
    media_type: String,
    /// Requests at once
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=256))]
    connections: u32,
    /// How long, in seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Pause after each answer, in milliseconds
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pause_ms: u64,
}

/// What one connection saw.
#[derive(Debug, Default)]
struct Seen {
    statuses: BTreeMap<u16, u64>,
    failures: u64,
    times: Vec<Duration>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let host = arguments.url.host_str().and_then(|host| host.parse::<IpAddr>().ok());
    if !host.is_some_and(|address| address.is_loopback()) {
        return Err("the URL must have a loopback address".into());
    }
    let body = arguments.body.as_ref().map(std::fs::read).transpose()?;
    let client = Client::builder().timeout(Duration::from_secs(60)).build()?;
    let start = Instant::now();
    let end = start + Duration::from_secs(arguments.seconds);
    let pause = Duration::from_millis(arguments.pause_ms);
    let tasks: Vec<_> = (0..arguments.connections)
        .map(|_| {
            let (client, url) = (client.clone(), arguments.url.clone());
            let (body, media_type) = (body.clone(), arguments.media_type.clone());
            tokio::spawn(async move { connection(&client, &url, body, &media_type, pause, end).await })
        })
        .collect();
    let mut all = Seen::default();
    for task in tasks {
        let seen = task.await?;
        all.failures += seen.failures;
        all.times.extend(seen.times);
        for (status, count) in seen.statuses {
            *all.statuses.entry(status).or_default() += count;
        }
    }
    println!("{}", report(all, start.elapsed()));
    Ok(())
}

async fn connection(
    client: &Client,
    url: &Url,
    body: Option<Vec<u8>>,
    media_type: &str,
    pause: Duration,
    end: Instant,
) -> Seen {
    let mut seen = Seen::default();
    while Instant::now() < end && seen.times.len() < MAX_SAMPLES {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let mut request = client.request(method, url.clone());
        if let Some(body) = &body {
            request = request.header("content-type", media_type).body(body.clone());
        }
        let begin = Instant::now();
        match status_of(request).await {
            Ok(status) => {
                seen.times.push(begin.elapsed());
                *seen.statuses.entry(status).or_default() += 1;
            }
            Err(_) => seen.failures += 1,
        }
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    seen
}

async fn status_of(request: reqwest::RequestBuilder) -> reqwest::Result<u16> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    response.bytes().await?;
    Ok(status)
}

fn report(mut seen: Seen, elapsed: Duration) -> serde_json::Value {
    seen.times.sort();
    let at = |part: f64| {
        let index = (seen.times.len() as f64 * part).ceil() as usize;
        seen.times.get(index.clamp(1, seen.times.len().max(1)) - 1).map(|time| time.as_secs_f64() * 1e3)
    };
    json!({
        "requests": seen.times.len(),
        "failures": seen.failures,
        "statuses": seen.statuses,
        "seconds": elapsed.as_secs_f64(),
        "requests_per_second": seen.times.len() as f64 / elapsed.as_secs_f64(),
        "p50_ms": at(0.5),
        "p99_ms": at(0.99),
        "max_ms": at(1.0),
    })
}
