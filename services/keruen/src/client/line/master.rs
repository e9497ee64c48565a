//! What stands in the registry: items and what belongs to them, duty, stops of mobile units.

use keruen_proto::registry::v1::{
    Accessory, DutyShift, KitComponent, LocalizedText, MinimumReserve, Pack, PlannedStop, Stop,
    Substitute,
};

use super::Pairs;
use crate::client::value;

/// `person=REF,organisation=CODE,from=DAY,until=DAY`
pub fn shift(text: &str) -> Result<DutyShift, String> {
    let pairs = Pairs::parse(text, &["person", "organisation", "from", "until"])?;
    Ok(DutyShift {
        person_ref: pairs.required_text("person")?,
        organisation_id: pairs.required_text("organisation")?,
        first_day: pairs.required("from", value::date)?,
        last_day: pairs.required("until", value::date)?,
    })
}

/// `item=CODE,quantity=N`
pub fn accessory(text: &str) -> Result<Accessory, String> {
    let pairs = Pairs::parse(text, &["item", "quantity"])?;
    Ok(Accessory {
        item_id: pairs.required_text("item")?,
        quantity: pairs.quantity()?,
    })
}

/// `CODE=BASE-UNITS[,gtin=DIGITS]`
pub fn pack(text: &str) -> Result<Pack, String> {
    let (pack, rest) = text.split_once(',').unwrap_or((text, ""));
    let rule = || format!("must be CODE=BASE-UNITS, for example BOX=25; found {pack:?}");
    let (pack_id, quantity) = pack.split_once('=').ok_or_else(rule)?;
    let gtin = match rest.split_once('=') {
        Some(("gtin", digits)) if !digits.is_empty() => digits.to_owned(),
        _ if !text.contains(',') => String::new(),
        _ => return Err(format!("only gtin=DIGITS may follow; found {rest:?}")),
    };
    Ok(Pack {
        pack_id: pack_id.to_owned(),
        quantity: value::whole(quantity)?,
        gtin,
    })
}

/// `ITEM=ORGANISATION`
pub fn substitute(text: &str) -> Result<Substitute, String> {
    match text.split_once('=') {
        Some((item_id, stated_by_id)) if !item_id.is_empty() && !stated_by_id.is_empty() => {
            Ok(Substitute {
                item_id: item_id.to_owned(),
                stated_by_id: stated_by_id.to_owned(),
            })
        }
        _ => Err(format!(
            "must be ITEM=ORGANISATION, who says so, for example TEST-B=MOH; found {text:?}"
        )),
    }
}

/// `item=CODE,quantity=N`
pub fn component(text: &str) -> Result<KitComponent, String> {
    let pairs = Pairs::parse(text, &["item", "quantity"])?;
    Ok(KitComponent {
        item_id: pairs.required_text("item")?,
        quantity: pairs.quantity()?,
    })
}

/// `region=CODE,place=NAME,from=DAY,until=DAY[,place-kk=NAME][,place-ru=NAME]`
pub fn stop(text: &str) -> Result<PlannedStop, String> {
    const KEYS: &[&str] = &["region", "place", "place-kk", "place-ru", "from", "until"];
    let pairs = Pairs::parse(text, KEYS)?;
    Ok(PlannedStop {
        stop: Some(Stop {
            region_id: pairs.required_text("region")?,
            place: Some(LocalizedText {
                en: pairs.required_text("place")?,
                kk: pairs.text("place-kk"),
                ru: pairs.text("place-ru"),
            }),
            location: None,
        }),
        first_day: value::date(&pairs.required_text("from")?)?,
        last_day: value::date(&pairs.required_text("until")?)?,
    })
}

/// `commodity=CODE,quantity=N`
pub fn reserve(text: &str) -> Result<MinimumReserve, String> {
    let pairs = Pairs::parse(text, &["commodity", "quantity"])?;
    Ok(MinimumReserve {
        commodity_id: pairs.required_text("commodity")?,
        quantity: pairs.quantity()?,
    })
}
