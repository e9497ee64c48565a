//! Who and what appears in the story: organisations, commodities, items and facilities.

use keruen_proto::registry::v1::{
    Commodity, Facility, FacilityKind, GeoPoint, Item, LocalizedText, Organisation,
    OrganisationKind, RegionAssignment, RegisterCommodityRequest, RegisterFacilityRequest,
    RegisterItemRequest, RegisterOrganisationRequest, SiteData, SiteNeeds, StorageRange, Tracking,
};

use super::player::{Player, step};

/// One region's warehouse: region, code, name of its city in three languages, latitude and longitude in
/// ten-thousandths of a degree, and how many of Kaspi's tests it is sent (illustrative).
pub struct Hub {
    pub region_id: &'static str,
    pub facility_id: &'static str,
    pub city: [&'static str; 3],
    pub place: (i32, i32),
    pub tests: i64,
}

const fn hub(
    region_id: &'static str,
    facility_id: &'static str,
    city: [&'static str; 3],
    place: (i32, i32),
    tests: i64,
) -> Hub {
    Hub {
        region_id,
        facility_id,
        city,
        place,
        tests,
    }
}

/// The warehouses of the twenty regions.
pub const HUBS: [Hub; 20] = [
    hub(
        "KZ-10",
        "SEMEY-HUB",
        ["Semey", "Семей", "Семей"],
        (504_111, 802_275),
        3_300,
    ),
    hub(
        "KZ-11",
        "KOKSHETAU-HUB",
        ["Kokshetau", "Көкшетау", "Кокшетау"],
        (532_833, 693_833),
        3_900,
    ),
    hub(
        "KZ-15",
        "AKTOBE-HUB",
        ["Aktobe", "Ақтөбе", "Актобе"],
        (502_797, 572_072),
        4_700,
    ),
    hub(
        "KZ-19",
        "QONAEV-HUB",
        ["Qonaev", "Қонаев", "Конаев"],
        (438_564, 770_617),
        7_600,
    ),
    hub(
        "KZ-23",
        "ATYRAU-HUB",
        ["Atyrau", "Атырау", "Атырау"],
        (471_068, 519_168),
        3_500,
    ),
    hub(
        "KZ-27",
        "ORAL-HUB",
        ["Oral", "Орал", "Уральск"],
        (512_333, 513_667),
        3_500,
    ),
    hub(
        "KZ-31",
        "TARAZ-HUB",
        ["Taraz", "Тараз", "Тараз"],
        (429_000, 713_667),
        6_200,
    ),
    hub(
        "KZ-33",
        "TALDYQORGHAN-HUB",
        ["Taldyqorghan", "Талдықорған", "Талдыкорган"],
        (450_156, 783_739),
        3_700,
    ),
    hub(
        "KZ-35",
        "KARAGANDA-HUB",
        ["Karaganda", "Қарағанды", "Караганда"],
        (498_047, 731_094),
        5_800,
    ),
    hub(
        "KZ-39",
        "KOSTANAY-HUB",
        ["Kostanay", "Қостанай", "Костанай"],
        (532_144, 636_246),
        4_300,
    ),
    hub(
        "KZ-43",
        "KYZYLORDA-HUB",
        ["Kyzylorda", "Қызылорда", "Кызылорда"],
        (448_488, 654_823),
        4_300,
    ),
    hub(
        "KZ-47",
        "AKTAU-HUB",
        ["Aktau", "Ақтау", "Актау"],
        (436_500, 511_667),
        3_900,
    ),
    hub(
        "KZ-55",
        "PAVLODAR-HUB",
        ["Pavlodar", "Павлодар", "Павлодар"],
        (522_873, 769_674),
        3_900,
    ),
    hub(
        "KZ-59",
        "PETROPAVL-HUB",
        ["Petropavl", "Петропавл", "Петропавловск"],
        (548_753, 691_628),
        2_800,
    ),
    hub(
        "KZ-61",
        "TURKISTAN-HUB",
        ["Turkistan", "Түркістан", "Туркестан"],
        (432_973, 682_517),
        10_600,
    ),
    hub(
        "KZ-62",
        "JEZQAZGHAN-HUB",
        ["Jezqazghan", "Жезқазған", "Жезказган"],
        (477_833, 677_667),
        1_200,
    ),
    hub(
        "KZ-63",
        "OSKEMEN-HUB",
        ["Oskemen", "Өскемен", "Усть-Каменогорск"],
        (499_483, 826_285),
        3_800,
    ),
    hub(
        "KZ-71",
        "ASTANA-HUB",
        ["Astana", "Астана", "Астана"],
        (511_694, 714_491),
        6_300,
    ),
    hub(
        "KZ-75",
        "ALMATY-HUB",
        ["Almaty", "Алматы", "Алматы"],
        (432_389, 768_897),
        10_000,
    ),
    hub(
        "KZ-79",
        "SHYMKENT-HUB",
        ["Shymkent", "Шымкент", "Шымкент"],
        (423_417, 695_901),
        6_200,
    ),
];

/// The central warehouse to which Kaspi's and Degdar's donations go.
pub const CENTRAL: &str = "ALMATY-CENTRAL";
/// The Ministry's warehouse.
pub const MINISTRY_STORE: &str = "ASTANA-MOH";
/// The yard of the plant where the vehicles are built.
pub const PLANT: &str = "SARYARKA-AUTO";

fn text([en, kk, ru]: [&str; 3]) -> Option<LocalizedText> {
    Some(LocalizedText {
        en: en.to_owned(),
        kk: kk.to_owned(),
        ru: ru.to_owned(),
    })
}

/// Enters everybody and everything in the registry.
pub async fn register(player: &mut Player) -> anyhow::Result<()> {
    organisations(player).await?;
    products(player).await?;
    facilities(player).await
}

async fn organisations(player: &mut Player) -> anyhow::Result<()> {
    use OrganisationKind::{Charity, Donor, Hospital, Ministry, Supplier, VolunteerGroup};
    let organisations: [(&str, [&str; 3], &[OrganisationKind]); 9] = [
        (
            "KASPI",
            ["Kaspi Bank", "Kaspi Bank", "Kaspi Bank"],
            &[Donor],
        ),
        (
            "UTEMURATOV",
            [
                "Bulat Utemuratov Fund",
                "Болат Өтемұратов қоры",
                "Фонд Булата Утемуратова",
            ],
            &[Donor, Charity],
        ),
        (
            "DEGDAR",
            ["Degdar Fund", "«Дегдар» қоры", "Фонд «Дегдар»"],
            &[Donor, Charity],
        ),
        (
            "MOH",
            [
                "Ministry of Health",
                "Денсаулық сақтау министрлігі",
                "Министерство здравоохранения",
            ],
            &[Ministry],
        ),
        (
            "REGIONS",
            [
                "Regional front offices",
                "Өңірлік фронт-офистер",
                "Региональные фронт-офисы",
            ],
            &[Charity],
        ),
        (
            "HOSPITALS",
            [
                "Regional hospitals",
                "Өңірлік ауруханалар",
                "Региональные больницы",
            ],
            &[Hospital],
        ),
        (
            "SARYARKA",
            [
                "Saryarka-Auto plant",
                "«СарыарқаАвто» зауыты",
                "Завод «СарыаркаАвто»",
            ],
            &[Supplier],
        ),
        (
            "LAB-MAKER",
            [
                "Maker of mobile laboratories",
                "Жылжымалы зертхана өндірушісі",
                "Производитель мобильных лабораторий",
            ],
            &[Supplier],
        ),
        (
            "VOLUNTEERS",
            [
                "Volunteer drivers",
                "Ерікті жүргізушілер",
                "Водители-волонтёры",
            ],
            &[VolunteerGroup],
        ),
    ];
    for (id, name, kinds) in organisations {
        let organisation = Organisation {
            organisation_id: id.to_owned(),
            name: text(name),
            kinds: kinds.iter().map(|kind| i32::from(*kind)).collect(),
            external_ids: Vec::new(),
        };
        step!(
            player,
            "registrar",
            &format!("register organisation {id}"),
            registry.register_organisation,
            RegisterOrganisationRequest {
                organisation: Some(organisation)
            }
        )?;
    }
    Ok(())
}

async fn products(player: &mut Player) -> anyhow::Result<()> {
    let commodities = [
        (
            "TEST-SARS2",
            ["SARS-CoV-2 test", "SARS-CoV-2 тесті", "Тест на SARS-CoV-2"],
        ),
        (
            "LAB-PCR-MOBILE",
            [
                "Mobile PCR laboratory",
                "Жылжымалы ПТР зертханасы",
                "Мобильная ПЦР-лаборатория",
            ],
        ),
        (
            "O2-CONCENTRATOR",
            [
                "Oxygen concentrator",
                "Оттегі концентраторы",
                "Кислородный концентратор",
            ],
        ),
        (
            "VENTILATOR",
            [
                "Ventilator",
                "Өкпені жасанды желдету аппараты",
                "Аппарат ИВЛ",
            ],
        ),
        (
            "VEHICLE-RRV",
            [
                "Rapid response vehicle",
                "Жедел ден қою көлігі",
                "Автомобиль быстрого реагирования",
            ],
        ),
    ];
    for (id, name) in commodities {
        let commodity = Commodity {
            commodity_id: id.to_owned(),
            name: text(name),
            base_unit: "EA".to_owned(),
        };
        step!(
            player,
            "registrar",
            &format!("register commodity {id}"),
            registry.register_commodity,
            RegisterCommodityRequest {
                commodity: Some(commodity)
            }
        )?;
    }
    for item in items() {
        let name = format!("register item {}", item.item_id);
        step!(
            player,
            "registrar",
            &name,
            registry.register_item,
            RegisterItemRequest { item: Some(item) }
        )?;
    }
    Ok(())
}

fn items() -> [Item; 6] {
    let test = |id: &str, name: [&str; 3]| Item {
        item_id: id.to_owned(),
        commodity_id: "TEST-SARS2".to_owned(),
        name: text(name),
        tracking: Tracking::Batch.into(),
        expires: true,
        storage: Some(StorageRange {
            minimum_millicelsius: 2_000,
            maximum_millicelsius: 30_000,
        }),
        ..Item::default()
    };
    let asset = |id: &str, commodity: &str, name: [&str; 3], maker: &str, model: &str| Item {
        item_id: id.to_owned(),
        commodity_id: commodity.to_owned(),
        name: text(name),
        tracking: Tracking::Serial.into(),
        manufacturer: maker.to_owned(),
        model: model.to_owned(),
        ..Item::default()
    };
    let mains = SiteNeeds {
        mains_voltage_v: 230,
        mains_frequency_hz: 50,
        ..SiteNeeds::default()
    };
    [
        test(
            "SARS2-RAPID",
            ["Rapid test", "Жылдам тест", "Экспресс-тест"],
        ),
        test("SARS2-PCR", ["PCR test", "ПТР тесті", "ПЦР-тест"]),
        asset(
            "PCR-LAB",
            "LAB-PCR-MOBILE",
            [
                "Mobile PCR laboratory",
                "Жылжымалы ПТР зертханасы",
                "Мобильная ПЦР-лаборатория",
            ],
            "Illustrative",
            "ML-1",
        ),
        Item {
            site_needs: Some(mains),
            ..asset(
                "O2-10L",
                "O2-CONCENTRATOR",
                [
                    "Oxygen concentrator, 10 l/min",
                    "Оттегі концентраторы, 10 л/мин",
                    "Кислородный концентратор, 10 л/мин",
                ],
                "Illustrative",
                "OC-10",
            )
        },
        Item {
            site_needs: Some(SiteNeeds {
                oxygen_supply: true,
                ..mains
            }),
            ..asset(
                "VENT-ICU",
                "VENTILATOR",
                [
                    "Ventilator for intensive care",
                    "Қарқынды терапия ӨЖЖ аппараты",
                    "Аппарат ИВЛ для реанимации",
                ],
                "Illustrative",
                "V-7",
            )
        },
        asset(
            "RRV",
            "VEHICLE-RRV",
            [
                "Rapid response vehicle",
                "Жедел ден қою көлігі",
                "Автомобиль быстрого реагирования",
            ],
            "Saryarka-Auto",
            "RRV",
        ),
    ]
}

async fn facilities(player: &mut Player) -> anyhow::Result<()> {
    for hub in &HUBS {
        let [en, kk, ru] = hub.city;
        let name = [
            format!("Regional warehouse, {en}"),
            format!("Өңірлік қойма, {kk}"),
            format!("Региональный склад, {ru}"),
        ];
        let name = [&*name[0], &*name[1], &*name[2]];
        facility(
            player,
            hub.facility_id,
            FacilityKind::Warehouse,
            name,
            hub.region_id,
            "REGIONS",
            hub.place,
        )
        .await?;
    }
    use FacilityKind::{Hospital, Warehouse};
    let others: [(&str, FacilityKind, [&str; 3], &str, &str, (i32, i32)); 8] = [
        (
            CENTRAL,
            Warehouse,
            [
                "Central aid warehouse, Almaty",
                "Орталық көмек қоймасы, Алматы",
                "Центральный склад помощи, Алматы",
            ],
            "KZ-75",
            "DEGDAR",
            (432_200, 768_500),
        ),
        (
            MINISTRY_STORE,
            Warehouse,
            [
                "Warehouse of the Ministry of Health, Astana",
                "Денсаулық сақтау министрлігінің қоймасы, Астана",
                "Склад Министерства здравоохранения, Астана",
            ],
            "KZ-71",
            "MOH",
            (511_800, 714_300),
        ),
        (
            PLANT,
            Warehouse,
            [
                "Yard of the Saryarka-Auto plant, Kostanay",
                "«СарыарқаАвто» зауытының алаңы, Қостанай",
                "Площадка завода «СарыаркаАвто», Костанай",
            ],
            "KZ-39",
            "SARYARKA",
            (532_000, 636_500),
        ),
        (
            "ARKALYK-HOSPITAL",
            Hospital,
            [
                "Arkalyk hospital",
                "Арқалық ауруханасы",
                "Аркалыкская больница",
            ],
            "KZ-39",
            "HOSPITALS",
            (502_486, 669_114),
        ),
        (
            "ZHANATAS-HOSPITAL",
            Hospital,
            [
                "Zhanatas hospital",
                "Жаңатас ауруханасы",
                "Жанатасская больница",
            ],
            "KZ-31",
            "HOSPITALS",
            (435_667, 697_500),
        ),
        (
            "AYAGOZ-HOSPITAL",
            Hospital,
            ["Ayagoz hospital", "Аягөз ауруханасы", "Аягозская больница"],
            "KZ-10",
            "HOSPITALS",
            (479_667, 804_333),
        ),
        (
            "BEINEU-HOSPITAL",
            Hospital,
            [
                "Beineu hospital",
                "Бейнеу ауруханасы",
                "Бейнеуская больница",
            ],
            "KZ-47",
            "HOSPITALS",
            (453_167, 551_000),
        ),
        (
            "JEZQAZGHAN-HOSPITAL",
            Hospital,
            [
                "Jezqazghan hospital",
                "Жезқазған ауруханасы",
                "Жезказганская больница",
            ],
            "KZ-62",
            "HOSPITALS",
            (477_900, 677_100),
        ),
    ];
    for (id, kind, name, region_id, operator_id, place) in others {
        facility(player, id, kind, name, region_id, operator_id, place).await?;
    }
    Ok(())
}

async fn facility(
    player: &mut Player,
    id: &str,
    kind: FacilityKind,
    name: [&str; 3],
    region_id: &str,
    operator_id: &str,
    (latitude, longitude): (i32, i32),
) -> anyhow::Result<()> {
    let facility = Facility {
        facility_id: id.to_owned(),
        name: text(name),
        kind: kind.into(),
        regions: vec![RegionAssignment {
            region_id: region_id.to_owned(),
            valid_from: String::new(),
        }],
        time_zone: "Asia/Almaty".to_owned(),
        operator_id: operator_id.to_owned(),
        location: Some(GeoPoint {
            latitude_e7: latitude * 1_000,
            longitude_e7: longitude * 1_000,
        }),
        site: (kind == FacilityKind::Hospital).then(|| SiteData {
            mains_voltage_v: 230,
            mains_frequency_hz: 50,
            ..SiteData::default()
        }),
        ..Facility::default()
    };
    step!(
        player,
        "registrar",
        &format!("register facility {id}"),
        registry.register_facility,
        RegisterFacilityRequest {
            facility: Some(facility)
        }
    )?;
    Ok(())
}
