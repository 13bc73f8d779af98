use tokio::sync::watch;

const MARK: &str = "probe ";

/// What a connection says to itself to prove that it still hears: numbered, and in words that
/// nobody else uses, because every gateway hears the probes of all.
#[derive(Debug)]
pub(super) struct Probes {
    name: u128,
    heard: watch::Sender<u64>,
}

impl Probes {
    /// For one connection.
    pub(super) fn new() -> Self {
        Self {
            name: rand::random(),
            heard: watch::Sender::new(0),
        }
    }

    /// The text of the probe of this number; the first is 1.
    pub(super) fn payload(&self, number: u64) -> String {
        format!("{MARK}{:032x} {number}", self.name)
    }

    /// Takes note of a payload if it is a probe of this connection.
    pub(super) fn hear(&self, payload: &str) {
        let own = payload
            .rsplit_once(' ')
            .and_then(|(_, number)| number.parse().ok())
            .filter(|&number| self.payload(number) == payload);
        if let Some(number) = own {
            self.heard.send_replace(number);
        }
    }

    /// Waits until the probe of this number has been heard; those before it do not count.
    pub(super) async fn heard(&self, number: u64) {
        let mut heard = self.heard.subscribe();
        heard
            .wait_for(|&n| n >= number)
            .await
            .expect("the sender is borrowed for as long");
    }
}

/// Whether a payload is a probe, of whichever connection.
pub(super) fn is_probe(payload: &str) -> bool {
    payload.starts_with(MARK)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a wait for this probe would be over.
    async fn is_over(probes: &Probes, number: u64) -> bool {
        tokio::select! {
            biased;
            () = probes.heard(number) => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn only_the_probe_that_is_waited_for_ends_the_wait() {
        let (ours, theirs) = (Probes::new(), Probes::new());
        for payload in [
            theirs.payload(2),
            ours.payload(1),
            format!("{} ", ours.payload(2)),
            format!("{} 2", ours.payload(2)),
            ours.payload(2).replace(" 2", " 02"),
            ours.payload(2).to_uppercase(),
            "probe 2".to_owned(),
            "2".to_owned(),
            String::new(),
        ] {
            ours.hear(&payload);
            assert!(!is_over(&ours, 2).await, "{payload}");
        }
        ours.hear(&ours.payload(2));
        assert!(is_over(&ours, 2).await);
        assert!(!is_over(&ours, 3).await);
    }
}
