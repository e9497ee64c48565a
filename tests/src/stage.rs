//! A node with the scene on it and a little stock, for trying what must be refused.

use crate::{
    history,
    node::Node,
    scene::{Clients, MASK_A, NORTH, PUMP_A},
};

/// Units of [`MASK_A`] at [`NORTH`], in the batch `MASKS-B`.
pub const MASKS: i64 = 100;

/// The scene with 100 masks and the two pumps `PUMPS-1` and `PUMPS-2` at [`NORTH`].
pub struct Stage {
    /// The node.
    pub node: Node,
    /// Its clients.
    pub clients: Clients,
}

impl Stage {
    /// Starts it.
    pub async fn set() -> Self {
        let node = Node::new().await;
        let mut clients = Clients::on(&node.channel());
        clients.set_scene().await;
        clients.donate("MASKS", MASK_A, MASKS, NORTH).await;
        clients.donate("PUMPS", PUMP_A, 2, NORTH).await;
        Self { node, clients }
    }

    /// Position of the newest event.
    pub async fn head(&self) -> u64 {
        history::head(&self.node.channel()).await
    }
}

/// Sends a request that must be refused and must record nothing: `refused!(stage.inventory.consume_stock(message))`.
#[macro_export]
macro_rules! refused {
    ($stage:ident.$client:ident.$method:ident($message:expr)) => {{
        let before = $stage.head().await;
        let answer = $stage
            .clients
            .$client
            .$method($crate::message::request($message))
            .await;
        let status = answer.expect_err("this must be refused");
        assert_eq!(
            $stage.head().await,
            before,
            "a refused command was recorded: {status:?}"
        );
        $crate::refusal::Refusal::of(&status)
    }};
}
