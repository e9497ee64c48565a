//! Papers of a shipment, saved as pages to print.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use keruen_domain::calendar::kazakhstan_day;
use keruen_gateway::{
    Named, Names,
    paper::{self, Document, Language, Printing},
};
use keruen_proto::{
    registry::v1::{GetFacilityRequest, GetItemRequest, GetOrganisationRequest},
    shipments::v1::{GetShipmentRequest, Shipment},
};

use crate::{
    client::{failure::Failure, session::Session},
    embedded,
};

/// A paper.
#[derive(Args, Debug)]
pub struct Print {
    /// The shipment
    shipment_id: String,
    /// Which paper
    #[arg(long, value_parser = PossibleValuesParser::new(Document::ALL.map(Document::slug))
        .try_map(|word| word.parse::<Document>()))]
    document: Document,
    /// In Kazakh, in Russian, or in both
    #[arg(long, default_value = "both", value_parser = PossibleValuesParser::new(Language::ALL.map(Language::word))
        .try_map(|word| word.parse::<Language>()))]
    language: Language,
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
        let printing = Printing {
            document: self.document,
            language: self.language,
            printed_on: &today,
            style: None,
        };
        let page = paper::render(&shipment, &names, printing)
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
async fn names(session: &Session, shipment: &Shipment) -> Result<Names, Failure> {
    let mut names = Names::new();
    for named in paper::named(shipment) {
        let name = match named.clone() {
            Named::Facility(facility_id) => {
                let answer = session.ask(GetFacilityRequest { facility_id }).await?;
                answer.facility.and_then(|it| it.name)
            }
            Named::Item(item_id) => {
                let answer = session.ask(GetItemRequest { item_id }).await?;
                answer.item.and_then(|it| it.name)
            }
            Named::Organisation(organisation_id) => {
                let question = GetOrganisationRequest { organisation_id };
                let answer = session.ask(question).await?;
                answer.organisation.and_then(|it| it.name)
            }
        };
        names.extend(name.map(|name| (named, name)));
    }
    Ok(names)
}
