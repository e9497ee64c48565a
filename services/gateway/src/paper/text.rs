//! What papers say, in Kazakh and Russian.

use std::str::FromStr;

use keruen_proto::registry::v1::LocalizedText;

use super::NoSuchChoice;

/// In which language a paper is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Kazakh.
    Kk,
    /// Russian.
    Ru,
    /// Both, Kazakh first.
    Both,
}

impl FromStr for Language {
    type Err = NoSuchChoice;

    fn from_str(word: &str) -> Result<Self, NoSuchChoice> {
        let mut all = Self::ALL.into_iter();
        let known = all.find(|language| language.word() == word);
        known.ok_or_else(|| NoSuchChoice(word.to_owned()))
    }
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kk, Self::Ru, Self::Both];

    /// As in addresses and commands.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kk => "kk",
            Self::Ru => "ru",
            Self::Both => "both",
        }
    }

    /// For the page's `lang`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Kk | Self::Both => "kk",
            Self::Ru => "ru",
        }
    }

    /// A text of the paper.
    pub fn say(self, text: Text) -> String {
        match self {
            Self::Kk => text.kk.to_owned(),
            Self::Ru => text.ru.to_owned(),
            Self::Both if text.kk == text.ru => text.kk.to_owned(),
            Self::Both => format!("{} / {}", text.kk, text.ru),
        }
    }

    /// A name: in the paper's language, or else in one that it has.
    pub fn name(self, name: Option<&LocalizedText>) -> String {
        let Some(name) = name else {
            return String::new();
        };
        let first = |names: [&str; 3]| {
            let known = names.into_iter().find(|name| !name.is_empty());
            known.unwrap_or_default().to_owned()
        };
        let kazakh = first([&name.kk, &name.ru, &name.en]);
        let russian = first([&name.ru, &name.kk, &name.en]);
        match self {
            Self::Kk => kazakh,
            Self::Ru => russian,
            Self::Both if kazakh == russian => kazakh,
            Self::Both => format!("{kazakh} / {russian}"),
        }
    }
}

/// A text in both languages.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// Kazakh.
    pub kk: &'static str,
    /// Russian.
    pub ru: &'static str,
}

macro_rules! texts {
    ($($name:ident = $kk:literal, $ru:literal;)*) => {
        $(pub const $name: Text = Text { kk: $kk, ru: $ru };)*

        #[cfg(test)]
        pub const ALL: &[Text] = &[$($name),*];
    };
}

texts! {
    PICK_LIST = "Жинақтау парағы", "Лист подбора";
    WAYBILL = "Жүкқұжат", "Накладная";
    HAND_OVER_ACT = "Қабылдау-тапсыру актісі", "Акт приёма-передачи";
    LOSS_ACT = "Жоғалту актісі", "Акт об утрате";
    RECEIPT = "Қабылдау актісі", "Акт приёмки";
    SHIPMENT = "Жөнелтілім", "Отправление";
    FROM = "Қайдан", "Откуда";
    TO = "Қайда", "Куда";
    SENDER = "Жөнелтуші", "Отправитель";
    CARRIER = "Тасымалдаушы", "Перевозчик";
    EXPECTED_ON = "Күтілетін күні", "Ожидается";
    PRINTED_ON = "Басып шығарылған күні", "Напечатано";
    GOODS = "Тауарлар", "Товары";
    PARCELS = "Орындар", "Места";
    ITEM = "Атауы", "Наименование";
    BATCH = "Партия", "Партия";
    LOT = "Серия", "Серия";
    USE_BY = "Жарамдылық мерзімі", "Годен до";
    QUANTITY = "Саны", "Количество";
    SERIALS = "Сериялық нөмірлері", "Серийные номера";
    PICKED = "Жиналды", "Подобрано";
    SSCC = "Орын (SSCC)", "Место (SSCC)";
    SEAL = "Пломба", "Пломба";
    SEAL_INTACT = "Пломба бүтін", "Пломба цела";
    SEAL_BROKEN = "Пломба бұзылған", "Пломба нарушена";
    WEIGHT = "Салмағы, кг", "Масса, кг";
    CONTENTS = "Ішіндегісі", "Содержимое";
    GAVE = "Кім тапсырды", "Кто сдал";
    TOOK = "Кім қабылдады", "Кто принял";
    BASIS = "Не үшін қол қойылды", "За что подписано";
    BASIS_SEALED = "пломбаланған орындар үшін, ішіндегісі тексерілмеген", "за опломбированные места, содержимое не проверено";
    BASIS_COUNTED = "ішіндегісі үшін, бәрі саналған", "за содержимое, всё пересчитано";
    AGREEMENT = "Жауапкершілік туралы шарт", "Договор об ответственности";
    SIGNED = "Қол қойды", "Подписал";
    SENT = "Жөнелтілді", "Отправлено";
    GOOD = "Жарамды", "Годно";
    UNUSABLE = "Жарамсыз", "Непригодно";
    MISSING = "Жетіспейді", "Недостаёт";
    LOST = "Жоғалды", "Утрачено";
    LIABLE = "Жауапты", "Ответственный";
    REPORTED = "Жолда жоғалғаны туралы хабарланды", "Сообщено об утрате в пути";
    CAUSE = "Себебі", "Причина";
    ACCIDENT = "апат", "авария";
    THEFT = "ұрлық немесе тонау", "кража или ограбление";
    FIRE = "өрт", "пожар";
    NATURAL_DISASTER = "табиғи апат", "стихийное бедствие";
    UNKNOWN_CAUSE = "белгісіз", "неизвестна";
    VERDICT = "Шешім", "Решение";
    VERDICT_LIABLE = "толық жауапты", "ответственность полная";
    VERDICT_SHARED = "жауапкершілік бөлінеді", "ответственность разделена";
    VERDICT_EXONERATED = "жауапкершіліктен босатылды", "освобождён от ответственности";
    REMARKS = "Ескертпелер", "Замечания";
    HANDED_OVER = "Тапсырды", "Сдал";
    TAKEN_OVER = "Қабылдады", "Принял";
    PICKED_BY = "Жинаған", "Подобрал";
    CHECKED_BY = "Тексерген", "Проверил";
    CARRIED_BY = "Жеткізді", "Доставил";
    COMMISSION = "Комиссия мүшесі", "Член комиссии";
    NAME = "Аты-жөні", "Ф. И. О.";
    SIGNATURE = "Қолы", "Подпись";
    DATE = "Күні", "Дата";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_said_in_both_languages() {
        for text in ALL {
            assert!(!text.kk.is_empty() && !text.ru.is_empty(), "{text:?}");
        }
        assert_eq!(Language::Both.say(WAYBILL), "Жүкқұжат / Накладная");
        assert_eq!(Language::Both.say(BATCH), "Партия");
    }

    #[test]
    fn a_name_is_told_in_whatever_language_there_is() {
        let only = LocalizedText {
            en: "Mask".to_owned(),
            ..LocalizedText::default()
        };
        assert_eq!(Language::Both.name(Some(&only)), "Mask");
        let all = LocalizedText {
            kk: "Бетперде".to_owned(),
            ru: "Маска".to_owned(),
            en: "Mask".to_owned(),
        };
        assert_eq!(Language::Kk.name(Some(&all)), "Бетперде");
        assert_eq!(Language::Ru.name(Some(&all)), "Маска");
        assert_eq!(Language::Both.name(Some(&all)), "Бетперде / Маска");
    }
}
