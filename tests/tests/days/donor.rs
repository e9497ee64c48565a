//! A donor asks where her gift is, as often as she likes, and is answered without asking anybody.

use serde_json::Value;

use keruen_tests::scene::{CARRIER, HOSPITAL, MASK_A, NORTH};

use crate::{Town, number};

impl Town {
    /// She opens the public page, in one of its languages.
    fn page(&self, donation_id: &str, lang: &str) -> String {
        // What was recorded a moment ago may take another to be shown.
        self.lists("donation list");
        let url = format!(
            "{}/?donation={donation_id}&lang={lang}",
            self.node.http_url().trim_end_matches('/')
        );
        let mut page = ureq::get(&url).call().unwrap();
        assert_eq!(page.status(), 200);
        page.body_mut().read_to_string().unwrap()
    }

    /// How many units of her gift stand where, as its trace tells; they add up to all that came.
    fn whereabouts(&self, donation_id: &str) -> Vec<(String, i64)> {
        let head = self.answers("log stats")["position"].clone();
        let trace = self.answers(&format!(
            "trace donation {donation_id} --min-position {head}"
        ));
        let mut places = Vec::new();
        let mut open = vec![&trace];
        while let Some(value) = open.pop() {
            match value {
                Value::Object(fields) => {
                    if let (Some(status), Some(quantity)) =
                        (fields.get("status"), fields.get("quantity"))
                    {
                        places.push((
                            status.as_str().unwrap_or_default().to_owned(),
                            number(quantity),
                        ));
                    }
                    open.extend(fields.values());
                }
                Value::Array(entries) => open.extend(entries),
                _ => {}
            }
        }
        places.sort();
        places
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_donor_finds_her_gift_wherever_it_is() {
    let town = Town::awakes().await;
    town.types("organisation register AIGUL --name-en Aigul --name-kk Айгүл --kind donor")
        .success();

    // In the morning she promises a thousand masks, for hospitals. The page says so, and that nothing has come yet.
    town.types(&format!(
        "donation pledge --id GIFT --donor AIGUL --line item={MASK_A},quantity=1000 --expected-on 2099-01-01"
    ))
    .success();
    let page = town.page("GIFT", "en");
    assert!(
        page.contains("GIFT") && page.contains("Aigul") && page.contains("1,000"),
        "{page}"
    );
    assert!(page.contains("trace-empty"), "{page}");
    // In Kazakh it is she all the same.
    assert!(town.page("GIFT", "kk").contains("Айгүл"));

    // Six hundred come. By noon two hundred are on the road, by evening at the hospital, and some are in use.
    for line in [
        &*format!(
            "donation receive GIFT --facility {NORTH} --line item={MASK_A},quantity=600,batch=GIFT-1,value=0.50USD,basis=donor-declared"
        ),
        &format!(
            "shipment request --from {NORTH} --to {HOSPITAL} --id CAR --line item={MASK_A},quantity=200"
        ),
        "shipment allocate CAR",
        &format!("shipment dispatch CAR --custodian {CARRIER}"),
    ] {
        town.types(line).success();
    }
    let sum = |places: &[(String, i64)]| places.iter().map(|(_, quantity)| quantity).sum::<i64>();
    let noon = town.whereabouts("GIFT");
    assert_eq!(sum(&noon), 600, "{noon:?}");
    assert!(
        noon.iter()
            .any(|place| place.0.contains("TRANSIT") && place.1 == 200),
        "{noon:?}"
    );
    assert!(town.page("GIFT", "en").contains("CAR"));
    for line in [
        "shipment receive CAR --line line=1,quantity=190 --line line=1,quantity=10,outcome=missing",
        "shipment accept-loss-act CAR --verdict liable --act kind=loss-act,number=LA-1",
        &format!(
            "stock consume --facility {HOSPITAL} --item {MASK_A} --quantity 50 --purpose patient"
        ),
    ] {
        town.types(line).success();
    }
    let evening = town.whereabouts("GIFT");
    assert_eq!(sum(&evening), 600, "{evening:?}");
    for (status, quantity) in [("LOST", 10), ("CONSUMED", 50)] {
        assert!(
            evening
                .iter()
                .any(|place| place.0.contains(status) && place.1 == quantity),
            "{status} in {evening:?}"
        );
    }
    // Nobody hides from her what was lost.
    let page = town.page("GIFT", "en");
    assert!(page.contains("GIFT-1") && page.contains(HOSPITAL), "{page}");

    // She takes her certificate home: what came, what it is worth, and where anybody can prove it.
    let head = town.answers("log stats")["position"].clone();
    let told = town.answers(&format!("donation certificate GIFT --min-position {head}"));
    let certificate = &told["certificate"];
    assert_eq!(number(&certificate["value"][0]["minorUnits"]), 600 * 50);
    let balance = town.answers(&format!("donation balance AIGUL --min-position {head}"));
    let goods = &balance["balance"]["goods"][0];
    let counts = ["pledged", "received", "outstanding"].map(|it| number(&goods[it]));
    assert_eq!(counts, [1000, 600, 400]);

    // Another donor wants no name on a page; and gets none.
    town.types("organisation register SHY --name-en Bashful --kind donor")
        .success();
    town.types(&format!(
        "donation pledge --id QUIET --donor SHY --line item={MASK_A},quantity=5 --anonymous"
    ))
    .success();
    let page = town.page("QUIET", "en");
    assert!(
        page.contains("QUIET") && !page.contains("Bashful"),
        "{page}"
    );
    town.evening().await;
}
