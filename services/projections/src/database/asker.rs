//! Whoever asked a question, and may leave before it is answered.

use tokio::sync::watch;

/// Tells whoever answers whether somebody still waits for it.
#[derive(Clone, Debug)]
pub struct Asker(watch::Receiver<()>);

impl Asker {
    /// Somebody who waits until what comes with this is dropped.
    pub fn new() -> (watch::Sender<()>, Self) {
        let (waiting, asker) = watch::channel(());
        (waiting, Self(asker))
    }

    /// Whether nobody waits any more.
    pub fn has_left(&self) -> bool {
        self.0.has_changed().is_err()
    }

    /// Ends when nobody waits any more.
    pub async fn left(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}
