//! Donations come in: tests, vehicles, money that becomes laboratories, equipment.

use keruen_proto::{
    inventory::v1::{
        PledgeDonationRequest, PledgeLine, ReceiptLine, ReceiveDonationRequest,
        SpendDonatedMoneyRequest,
    },
    registry::v1::{DocumentKind, Money, UnitValue, ValueBasis},
};

use super::{
    super::{
        cast::{CENTRAL, MINISTRY_STORE, PLANT},
        player::{Player, step},
    },
    chapter, document, say,
};

pub(super) async fn play(player: &mut Player) -> anyhow::Result<()> {
    chapter(2, "Donations come in");
    pledge(
        player,
        "KASPI-TESTS",
        "KASPI",
        "REGIONS",
        "TEST-SARS2",
        100_000,
    )
    .await?;
    receive(
        player,
        "KASPI-TESTS",
        CENTRAL,
        vec![
            tests("SARS2-RAPID", "K-2001", player.day(420), 40_000),
            tests("SARS2-RAPID", "K-2002", player.day(480), 35_000),
            tests("SARS2-RAPID", "K-2003", player.day(540), 25_000),
        ],
    )
    .await?;
    say(
        "Kaspi Bank gives 100,000 COVID-19 tests for distribution over the regions; three lots (illustrative) arrive.",
    );

    pledge(
        player,
        "KASPI-VEHICLES",
        "KASPI",
        "REGIONS",
        "VEHICLE-RRV",
        100,
    )
    .await?;
    for (train, first) in [(1, 1), (2, 51)] {
        let serials: Vec<String> = (first..first + 50)
            .map(|number| format!("RRV-{number:03}"))
            .collect();
        receive_as(
            player,
            &format!("receive vehicles {train}"),
            "KASPI-VEHICLES",
            PLANT,
            vec![assets("RRV", serials)],
        )
        .await?;
    }
    say("Kaspi Bank gives 100 rapid response vehicles, built at the Saryarka-Auto plant.");

    pledge(
        player,
        "UTEMURATOV-TESTS",
        "UTEMURATOV",
        "MOH",
        "TEST-SARS2",
        97_000,
    )
    .await?;
    receive(
        player,
        "UTEMURATOV-TESTS",
        MINISTRY_STORE,
        vec![
            tests("SARS2-PCR", "U-97A", player.day(300), 57_000),
            tests("SARS2-PCR", "U-97B", player.day(360), 40_000),
        ],
    )
    .await?;
    say(
        "The Bulat Utemuratov Fund gives 97,000 tests to the Ministry of Health, which owns them from now on.",
    );

    laboratories(player).await?;
    say(
        "The Fund pays 4,000,000 US dollars for two mobile PCR laboratories: money becomes an asset.",
    );

    equipment(player).await
}

async fn equipment(player: &mut Player) -> anyhow::Result<()> {
    step!(
        player,
        "degdar",
        "pledge DEGDAR-EQUIPMENT",
        inventory.pledge_donation,
        PledgeDonationRequest {
            donation_id: "DEGDAR-EQUIPMENT".to_owned(),
            donor_id: "DEGDAR".to_owned(),
            recipient_id: "HOSPITALS".to_owned(),
            lines: vec![
                pledge_line("VENTILATOR", 20),
                pledge_line("O2-CONCENTRATOR", 60)
            ]
        }
    )?;
    let numbered = |prefix: &str, count: u32| {
        (1..=count)
            .map(|number| format!("{prefix}-{number:03}"))
            .collect()
    };
    receive_as(
        player,
        "receive ventilators",
        "DEGDAR-EQUIPMENT",
        CENTRAL,
        vec![assets("VENT-ICU", numbered("V", 20))],
    )
    .await?;
    receive_as(
        player,
        "receive concentrators",
        "DEGDAR-EQUIPMENT",
        CENTRAL,
        vec![assets("O2-10L", numbered("OC", 60))],
    )
    .await?;
    say(
        "The Degdar fund gives 20 ventilators and 60 oxygen concentrators (illustrative) for remote hospitals.",
    );
    Ok(())
}

fn pledge_line(commodity_id: &str, quantity: i64) -> PledgeLine {
    PledgeLine {
        commodity_id: commodity_id.to_owned(),
        quantity,
        ..PledgeLine::default()
    }
}

async fn pledge(
    player: &mut Player,
    id: &str,
    donor: &str,
    recipient: &str,
    commodity: &str,
    quantity: i64,
) -> anyhow::Result<()> {
    step!(
        player,
        &donor.to_lowercase(),
        &format!("pledge {id}"),
        inventory.pledge_donation,
        PledgeDonationRequest {
            donation_id: id.to_owned(),
            donor_id: donor.to_owned(),
            recipient_id: recipient.to_owned(),
            lines: vec![pledge_line(commodity, quantity)],
            documents: vec![document(
                DocumentKind::DonationAgreement,
                &format!("{id}-1")
            )]
        }
    )?;
    Ok(())
}

fn tests(item_id: &str, lot: &str, expires_on: String, quantity: i64) -> ReceiptLine {
    ReceiptLine {
        item_id: item_id.to_owned(),
        quantity,
        lot: lot.to_owned(),
        expires_on,
        batch_id: format!("B-{lot}"),
        ..ReceiptLine::default()
    }
}

fn assets(item_id: &str, serial_numbers: Vec<String>) -> ReceiptLine {
    let first = serial_numbers.first().cloned().unwrap_or_default();
    ReceiptLine {
        item_id: item_id.to_owned(),
        quantity: i64::try_from(serial_numbers.len()).unwrap_or(i64::MAX),
        batch_id: format!("B-{first}"),
        serial_numbers,
        ..ReceiptLine::default()
    }
}

async fn receive(
    player: &mut Player,
    donation: &str,
    facility: &str,
    lines: Vec<ReceiptLine>,
) -> anyhow::Result<()> {
    receive_as(
        player,
        &format!("receive {donation}"),
        donation,
        facility,
        lines,
    )
    .await
}

async fn receive_as(
    player: &mut Player,
    name: &str,
    donation: &str,
    facility: &str,
    lines: Vec<ReceiptLine>,
) -> anyhow::Result<()> {
    step!(
        player,
        "storekeeper",
        name,
        inventory.receive_donation,
        ReceiveDonationRequest {
            donation_id: donation.to_owned(),
            facility_id: facility.to_owned(),
            lines,
            documents: vec![document(
                DocumentKind::AcceptanceAct,
                &format!("ACT {name}")
            )]
        }
    )?;
    Ok(())
}

async fn laboratories(player: &mut Player) -> anyhow::Result<()> {
    let dollars = |minor_units| {
        Some(Money {
            currency_code: "USD".to_owned(),
            minor_units,
        })
    };
    step!(
        player,
        "utemuratov",
        "pledge UTEMURATOV-LABS",
        inventory.pledge_donation,
        PledgeDonationRequest {
            donation_id: "UTEMURATOV-LABS".to_owned(),
            donor_id: "UTEMURATOV".to_owned(),
            recipient_id: "MOH".to_owned(),
            money: dollars(400_000_000)
        }
    )?;
    let laboratories = ReceiptLine {
        unit_value: Some(UnitValue {
            amount: dollars(200_000_000),
            basis: ValueBasis::Invoice.into(),
        }),
        ..assets("PCR-LAB", vec!["LAB-1".to_owned(), "LAB-2".to_owned()])
    };
    step!(
        player,
        "utemuratov",
        "buy laboratories",
        inventory.spend_donated_money,
        SpendDonatedMoneyRequest {
            donation_id: "UTEMURATOV-LABS".to_owned(),
            amount: dollars(400_000_000),
            supplier_id: "LAB-MAKER".to_owned(),
            facility_id: MINISTRY_STORE.to_owned(),
            lines: vec![laboratories],
            documents: vec![document(DocumentKind::Invoice, "LAB-2020")]
        }
    )?;
    Ok(())
}
