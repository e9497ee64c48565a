//! Papers of a shipment, saved as pages to print.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::Args;
use keruen_domain::calendar::kazakhstan_day;
use keruen_proto::{
    registry::v1::{GetFacilityRequest, GetItemRequest, GetOrganisationRequest},
    shipments::v1::{GetShipmentRequest, Shipment},
};

use crate::{
    client::{failure::Failure, session::Session},
    embedded, paper,
};

/// A paper.
#[derive(Args, Debug)]
pub struct Print {
    /// The shipment
    shipment_id: String,
    /// Which paper
    #[arg(long, value_enum)]
    document: paper::Document,
    /// In Kazakh, in Russian, or in both
    #[arg(long, value_enum, default_value = "both")]
    language: paper::Language,
    /// File to write; - for standard output. Default: SHIPMENT-DOCUMENT.html here
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write over a file that is there already
    #[arg(long)]
    force: bool,
}

impl Print {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let question = GetShipmentRequest {
            shipment_id: self.shipment_id.clone(),
        };
        let shipment = session.ask(question).await?.shipment.unwrap_or_default();
        let names = names(session, &shipment).await?;
        let today = kazakhstan_day(embedded::now_us()).to_string();
        let page = paper::render(&shipment, self.document, self.language, &names, &today)
            .map_err(|error| Failure::Other(error.into()))?;
        let file = self.output.unwrap_or_else(|| {
            let name = format!("{}-{}.html", shipment.shipment_id, self.document.slug());
            PathBuf::from(name)
        });
        if file.as_os_str() == "-" {
            let mut output = session.output();
            output.line(&page)?;
            return Ok(output.flush()?);
        }
        write(&file, &page, self.force)?;
        anstream::eprintln!("written to {}", file.display());
        Ok(())
    }
}

/// Writes a new file, or with `force` in place of one that is there.
fn write(file: &Path, page: &str, force: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    if !force {
        options.create_new(true);
    }
    let mut opened = options.open(file).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::AlreadyExists => "; name another one with --output, or use --force",
            _ => "",
        };
        Failure::Other(anyhow::anyhow!("{}: {error}{advice}", file.display()))
    })?;
    Ok(opened.write_all(page.as_bytes())?)
}

/// The names that a paper of a shipment tells.
async fn names(session: &Session, shipment: &Shipment) -> Result<paper::Names, Failure> {
    let mut names = paper::Names::default();
    let codes = paper::named(shipment);
    for facility_id in codes.facilities {
        let question = GetFacilityRequest {
            facility_id: facility_id.to_owned(),
        };
        let answer = session.ask(question).await?;
        names.add(facility_id, answer.facility.and_then(|it| it.name));
    }
    for item_id in codes.items {
        let question = GetItemRequest {
            item_id: item_id.to_owned(),
        };
        let answer = session.ask(question).await?;
        names.add(item_id, answer.item.and_then(|it| it.name));
    }
    for organisation_id in codes.organisations {
        let question = GetOrganisationRequest {
            organisation_id: organisation_id.to_owned(),
        };
        let answer = session.ask(question).await?;
        names.add(organisation_id, answer.organisation.and_then(|it| it.name));
    }
    Ok(names)
}
