//! The chapters of the story. Figures that press reports of 2020 gave stand as they are; all others are invented and
//! said to be illustrative.

mod donations;
mod movement;
mod needs;

use keruen_proto::registry::v1::{DocumentKind, DocumentRef};

use super::{
    cast::{self, Site},
    player::Player,
};

/// Plays all chapters.
pub async fn play(player: &mut Player) -> anyhow::Result<()> {
    println!("Where are the 100,000 tests?");
    println!(
        "A story of donated medical aid in Kazakhstan, played through the gRPC services of this node."
    );
    println!(
        "Figures are those of press reports of 2020; invented ones are marked (illustrative)."
    );
    chapter(1, "Who is who");
    let sites = cast::sites()?;
    cast::register(player, &sites).await?;
    let hubs: Vec<&Site> = sites.iter().filter(|site| site.tests > 0).collect();
    say(&format!(
        "9 organisations, 5 commodities, 6 items, {} facilities in 20 regions (illustrative).",
        sites.len()
    ));
    donations::play(player).await?;
    needs::play(player).await?;
    movement::distribution(player, &hubs).await?;
    movement::vehicles_and_laboratories(player, &hubs).await?;
    movement::bad_night(player).await?;
    movement::bedside(player).await
}

fn chapter(number: u32, title: &str) {
    println!("\n{number}. {title}");
}

fn say(text: &str) {
    println!("   {text}");
}

fn document(kind: DocumentKind, number: &str) -> DocumentRef {
    DocumentRef {
        kind: kind.into(),
        number: number.to_owned(),
        ..DocumentRef::default()
    }
}

fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
