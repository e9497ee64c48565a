//! What a key of another system stands for.

use keruen_domain::{Books, Boundary, Entry};
use keruen_edge::Desk;
use keruen_proto::registry::v1::{
    ExternalId, ExternalIdHolder, ExternalIdMatch, Item, LocalizedText, Retirement,
};
use tonic::{Code, Status};

/// How often holders are looked up anew when a key changed hands in between.
const MAX_ATTEMPTS: u32 = 4;

/// Who has these keys, in their order, and the position of the log that says so.
pub async fn matches(
    desk: &Desk,
    keys: Vec<Boundary>,
) -> Result<(Vec<ExternalIdMatch>, u64), Status> {
    let mut things: Vec<Boundary> = Vec::new();
    for _ in 0..MAX_ATTEMPTS {
        // Keys and holders are read together, so that the answer is of one position.
        let (books, position) = desk.read(keys.iter().chain(&things).cloned()).await?;
        let holders: Vec<&ExternalIdHolder> =
            keys.iter().filter_map(|key| holder(&books, key)).collect();
        things = holders.iter().filter_map(|it| thing(it)).collect();
        if things.iter().all(|thing| books.contains(thing)) {
            let matches = holders.into_iter().map(|it| matched(&books, it));
            return Ok((matches.collect(), position));
        }
    }
    Err(Status::new(
        Code::Aborted,
        "the key changes hands faster than it can be looked up; ask again",
    ))
}

fn holder<'a>(books: &'a Books, key: &Boundary) -> Option<&'a ExternalIdHolder> {
    match books.get(key)? {
        Entry::Key(holder) if !holder.holder_id.is_empty() => Some(holder),
        _ => None,
    }
}

fn thing(holder: &ExternalIdHolder) -> Option<Boundary> {
    Boundary::thing(holder.kind(), &holder.holder_id)
}

fn matched(books: &Books, holder: &ExternalIdHolder) -> ExternalIdMatch {
    let mut matched = ExternalIdMatch {
        kind: holder.kind,
        external_id: holder.external_id.clone(),
        holder_id: holder.holder_id.clone(),
        ..ExternalIdMatch::default()
    };
    let mut tell = |name: Option<&LocalizedText>, retired: Option<&Retirement>| {
        matched.name = name.cloned();
        matched.retired = retired.cloned();
    };
    match thing(holder).and_then(|thing| books.get(&thing)) {
        Some(Entry::Organisation(it)) => tell(it.name.as_ref(), it.retired.as_ref()),
        Some(Entry::Facility(it)) => tell(it.name.as_ref(), it.retired.as_ref()),
        Some(Entry::Commodity(it)) => tell(it.name.as_ref(), it.retired.as_ref()),
        Some(Entry::Item(it)) => {
            tell(it.name.as_ref(), it.retired.as_ref());
            tell_pack(&mut matched, it);
        }
        Some(Entry::Vehicle(it)) => tell(None, it.retired.as_ref()),
        Some(Entry::Volunteer(it)) => tell(None, it.retired.as_ref()),
        Some(Entry::Crew(it)) => tell(it.name.as_ref(), it.retired.as_ref()),
        _ => {}
    }
    matched
}

/// Which pack of the item has the key, if it isn't the item itself.
fn tell_pack(matched: &mut ExternalIdMatch, item: &Item) {
    let has_key = |gtin: &str| {
        let key = ExternalId {
            scheme: "GTIN".to_owned(),
            value: gtin.to_owned(),
        };
        let sought = matched.external_id.as_ref();
        let sought = sought.and_then(|sought| Boundary::key(matched.kind(), sought));
        sought.is_some() && Boundary::key(matched.kind(), &key) == sought
    };
    if let Some(pack) = item.packs.iter().find(|pack| has_key(&pack.gtin)) {
        matched.pack_id.clone_from(&pack.pack_id);
        matched.pack_quantity = pack.quantity;
    }
}
