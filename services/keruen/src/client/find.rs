//! What a key of another system stands for.

use clap::Args as ClapArgs;
use keruen_proto::registry::v1::{ExternalId, FindByExternalIdRequest, RegistryKind};

use crate::{
    client::{failure::Failure, session::Session},
    render::word,
};

/// A key, and what is looked for.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  keruen find GTIN 4006381333931
  keruen find BIN 971240001315 --kind organisation
  keruen find GLN 4870000000005 --format json

A GTIN may be of an item or of a pack of it, with or without leading zeros.
Exit status 1 where nothing has that key.")]
pub struct Args {
    /// Kind of key: GTIN, GLN, BIN, REGISTRATION, or a code for the other system
    scheme: String,
    /// The key
    value: String,
    /// Look only for things of this kind
    #[arg(long, value_parser = word::parser::<RegistryKind>())]
    kind: Option<RegistryKind>,
}

impl Args {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let request = FindByExternalIdRequest {
            external_id: Some(ExternalId {
                scheme: self.scheme.clone(),
                value: self.value.clone(),
            }),
            kind: self.kind.map_or(0, Into::into),
        };
        let found = session.ask(request).await?;
        session.output().listed(&found.matches)?;
        if found.matches.is_empty() {
            return Err(Failure::Other(anyhow::anyhow!(
                "nothing has the {} {:?}; check it",
                self.scheme,
                self.value
            )));
        }
        Ok(())
    }
}
