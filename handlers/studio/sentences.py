"""What ``passkit`` finds wrong or lost, said for people who have never seen template.yaml: English and Russian side by side.

A row is a pattern of the finding's own clause, then for each language what it means and what to do; ``{1}`` is what the first
group has found. What has no row is said as passkit says it, which is for those who write templates by hand.
"""

from __future__ import annotations

import re

Row = tuple[str, tuple[str, str], tuple[str, str]]

PROBLEMS: tuple[Row, ...] = (
    # Pictures.
    (
        r"the icon is missing.*",
        ("There is no icon, and without one no iPhone opens the card.", "Choose a square picture."),
        ("Нет значка, а без него iPhone не откроет карту.", "Выберите квадратную картинку."),
    ),
    (
        r".* is not a picture we take: .*",
        ("This picture cannot be read.", "Choose a PNG, JPEG or WebP."),
        ("Эта картинка не читается.", "Выберите PNG, JPEG или WebP."),
    ),
    (
        r"(\d+) x (\d+) pixels are too few for `\w+`: it will look soft",
        ("{1} × {2} pixels are too few: it will look soft.", "Choose a larger picture."),
        ("{1} × {2} точек мало: будет нерезко.", "Выберите картинку покрупнее."),
    ),
    (
        r"(\d+) x (\d+) pixels are too few for Google's logo.*",
        ("{1} × {2} pixels are too few for Google: the logo will look soft there.", "Choose a larger square picture."),
        ("{1} × {2} точек мало для Google: там логотип будет нерезким.", "Выберите квадратную картинку покрупнее."),
    ),
    (
        r"(\d+) x (\d+) pixels are too few for a stamp.*",
        ("{1} × {2} pixels are too few for a stamp: it will look soft.", "Choose a larger picture."),
        ("{1} × {2} точек мало для штампа: будет нерезко.", "Выберите картинку покрупнее."),
    ),
    (
        r"(\d+)% of the picture is cut off to fit .*",
        ("{1}% of the picture is cut off.", "Choose what to keep, or a picture of another shape."),
        ("{1} % картинки обрежется.", "Выберите, что оставить, или возьмите картинку других пропорций."),
    ),
    (
        r"an event ticket with a strip does not draw .*",
        ("A ticket with a wide picture does not show this one.", "Keep one of the two."),
        ("На билете с широкой картинкой эта не видна.", "Оставьте одну из двух."),
    ),
    (
        r"a \w+ never draws `\w+`, so nobody sees the stamps",
        ("A card of this kind does not show the picture with the stamps.", "Use a loyalty card, or no stamps."),
        ("Карта такого вида не показывает картинку со штампами.", "Возьмите карту лояльности или уберите штампы."),
    ),
    (
        r"a \w+ never draws `\w+`",
        ("A card of this kind does not show this picture.", "Remove it."),
        ("Карта такого вида не показывает эту картинку.", "Уберите её."),
    ),
    (
        r"(\S+) lies beside .*",
        ("The picture {1} is kept, but nothing shows it.", "Remove it."),
        ("Картинка {1} хранится, но нигде не показана.", "Уберите её."),
    ),
    (
        r"there is neither a logo nor .*",
        ("There is neither a logo nor words: the top left stays empty.", "Choose a logo."),
        ("Нет ни логотипа, ни слов: слева вверху пусто.", "Выберите логотип."),
    ),
    (
        r"the primary field is written over the strip.*",
        ("The large text stands over the stamps.", "Move it to the row below."),
        ("Крупный текст закрывает штампы.", "Перенесите его в строку ниже."),
    ),
    (
        r"no field says the number of stamps.*",
        (
            "The stamps are only drawn: people who do not see the picture cannot count them.",
            "Add a field with the number.",
        ),
        ("Штампы только нарисованы: кто не видит картинку, не узнает число.", "Добавьте поле с числом."),
    ),
    (
        r"the file '(.*)' is missing",
        ("The picture {1} is missing.", "Choose a picture, or remove this one."),
        ("Картинки {1} нет.", "Выберите картинку или уберите эту."),
    ),
    # Fields.
    (
        r"(\d+) fields in .*, and a \w+ draws (\d+): the last are not seen",
        ("There are {1} fields and room for {2}: the last are not seen.", "Move the less important ones to the back."),
        ("Полей {1}, а места на {2}: последние не видны.", "Перенесите лишние на оборот."),
    ),
    (
        r"a \w+ drops (\w+) fields in silence",
        ("A card of this kind does not show this row.", "Move the fields to another place."),
        ("Карта такого вида не показывает эту строку.", "Перенесите поля в другое место."),
    ),
    (
        r"a \w+ field cannot be aligned",
        ("This place cannot be aligned.", "Leave it as usual."),
        ("Здесь выравнивание не действует.", "Оставьте как обычно."),
    ),
    (
        r"a \w+ field detects nothing.*",
        ("Links are found on the back only.", "Remove the setting."),
        ("Ссылки находятся только на обороте.", "Уберите настройку."),
    ),
    (
        r"without %@ iOS shows no text of yours|a change message without %@ .*",
        ("Without the new value in it, an iPhone shows words of its own.", "Put in the chip “new value”."),
        ("Без нового значения iPhone покажет свои слова вместо ваших.", "Вставьте плашку «новое значение»."),
    ),
    (
        r"the translation lost %@",
        ("The translation lacks the new value.", "Put in the chip “new value”."),
        ("В переводе нет нового значения.", "Вставьте плашку «новое значение»."),
    ),
    (
        r"`(.*)` never changes, so its change message is never shown",
        (
            "This text never changes, so its message is never shown.",
            "Remove the message, or put a value into the text.",
        ),
        (
            "Этот текст не меняется, поэтому сообщение никто не увидит.",
            "Уберите сообщение или вставьте в текст значение.",
        ),
    ),
    (
        r"'(.*)' has (\d+) characters; about (\d+) fit in \w+",
        ("“{1}” has {2} letters, about {3} fit.", "Shorten it, or move it to the back."),
        ("«{1}» — {2} знаков, поместится около {3}.", "Сократите или перенесите на оборот."),
    ),
    (
        r"the text has (\d+) characters and a lock screen holds about (\d+)",
        ("{1} letters, and a lock screen holds about {2}.", "Shorten it; the back has room for the rest."),
        ("{1} знаков, а на экран блокировки войдёт около {2}.", "Сократите; остальное поместится на обороте."),
    ),
    (
        r"the text has (\d+) characters; about (\d+) are seen without unfolding it",
        ("About {2} of {1} letters are seen at once.", "Put what matters first."),
        ("Сразу видно около {2} знаков из {1}.", "Главное поставьте в начало."),
    ),
    (
        r".* is no date, and iOS refuses the whole pass over one",
        ("This is no date, and an iPhone refuses the whole card over one.", "Choose a value that is a day or a time."),
        (
            "Это не дата, и из-за неё iPhone не примет всю карту.",
            "Выберите значение, которое является днём или временем.",
        ),
    ),
    (
        r"the key `(.*)` stands twice.*",
        ("Two fields have the same key: {1}.", "Remove one and add it again."),
        ("У двух полей одинаковый ключ: {1}.", "Уберите одно и добавьте заново."),
    ),
    # The whole card.
    (
        r"(\w+) and background have a contrast of ([\d.]+) : 1, and .*",
        ("Hard to read on this background: {2} : 1.", "Choose a lighter or darker colour."),
        ("На этом фоне плохо читается: {2} : 1.", "Возьмите цвет светлее или темнее."),
    ),
    (
        r"(\d+) locations?, and .*",
        ("{1} places, and a card shows itself at ten.", "Keep the ten that matter most."),
        ("Мест {1}, а карта появляется у десяти.", "Оставьте десять главных."),
    ),
    (
        r"(?:latitude|longitude) .* is off the globe",
        ("There is no such point on Earth.", "Are the two numbers swapped?"),
        ("Такой точки на Земле нет.", "Может, числа перепутаны местами?"),
    ),
    (
        r"phones before iOS 27 show no `(\w+)`",
        ("Phones before iOS 27 do not show this kind of code.", "Take a QR code or Code 128."),
        ("Телефоны до iOS 27 не покажут такой код.", "Возьмите QR-код или Code 128."),
    ),
    (
        r"the message has characters outside latin-1.*",
        (
            "The code holds Russian letters, which some scanners do not read.",
            "Try it on yours, or leave the card number only.",
        ),
        ("В коде есть русские буквы, не все сканеры их читают.", "Проверьте на своём или оставьте только номер карты."),
    ),
    (
        r"'(.*)' cannot be written as (\w+)",
        ("“{1}” cannot be written in this kind of code.", "Take a QR code, or another value."),
        ("«{1}» нельзя записать таким кодом.", "Возьмите QR-код или другое значение."),
    ),
    # Words and values.
    (
        r"there is no translation to `(.*)`",
        ("Nothing is translated into this language yet.", "Write the translations on the tab Languages."),
        ("На этот язык пока ничего не переведено.", "Переводы пишутся на вкладке «Языки»."),
    ),
    (
        r"'(.*)' has no translation to `(.*)`",
        ("No translation ({2}).", "People with this language see the original."),
        ("Нет перевода ({2}).", "Люди с этим языком увидят оригинал."),
    ),
    (
        r"'(.*)' is translated to `(.*)` but stands nowhere .*",
        ("A translation of a text that is not on the card any more.", "It can go."),
        ("Перевод текста, которого на карте больше нет.", "Его можно убрать."),
    ),
    (
        r"no text of the card uses `(.*)`",
        ("The card does not show this value anywhere.", "Add it on the tab Fields, or remove it."),
        ("Карта нигде не показывает это значение.", "Добавьте его на вкладке «Поля» или уберите."),
    ),
    (
        r"people are asked for `(.*)`, and not whether you may keep it",
        ("People are asked for it, and not whether you may keep it.", "Add the consents to the form."),
        ("Вы спрашиваете это у людей, но не спрашиваете согласия хранить.", "Добавьте согласия в анкету."),
    ),
    (
        r"expected .*, got .*|this is not a .*|the number .*",
        ("This does not fit its kind.", "Write it as the sample of this kind."),
        ("Это не подходит к виду значения.", "Напишите, как принято для этого вида."),
    ),
    (
        r"it is not one of the choices|.* is not one of the choices",
        ("This is not among the allowed values.", "Choose one of them."),
        ("Этого нет среди допустимых значений.", "Выберите одно из них."),
    ),
    (
        r"this variant changes nothing",
        ("This look changes nothing.", "Give it a colour or a picture, or remove it."),
        ("Этот вид ничего не меняет.", "Задайте ему цвет или картинку либо уберите."),
    ),
    (
        r"a condition reads the card's data, .*",
        ("This condition is the same for all cards.", "Choose a value."),
        ("Это условие одинаково для всех карт.", "Выберите значение."),
    ),
    (
        r"(\d+) variants and (\d+) stamps make (\d+) looks, more than (\d+)",
        ("{1} looks and {2} stamps are too many pictures together.", "Use fewer looks or fewer stamps."),
        ("{1} видов и {2} штампов дают слишком много картинок.", "Сделайте меньше видов или штампов."),
    ),
    (
        r"the template has no variable `.*`|`.*` alone is not a value|there is no (?:variable )?`[\w.]+`|a dot is allowed .*",
        ("A value is named here that does not exist.", "Choose another from the menu."),
        ("Здесь названо значение, которого нет.", "Выберите другое из меню."),
    ),
    (
        r"no field has a `change_message`.*",
        ("No field has a lock-screen message: every change is silent.", "Write one where people should hear of it."),
        (
            "Ни у одного поля нет сообщения для экрана блокировки: все изменения беззвучны.",
            "Напишите его там, где людям важно узнать.",
        ),
    ),
    (
        r"(\d+) featured actions, and .*",
        ("{1} buttons, and a card shows two.", "Keep the two that matter most."),
        ("Кнопок {1}, а карта показывает две.", "Оставьте две главные."),
    ),
    (
        r"`(.*)` has no sample: .*",
        ("It has no sample, so the preview shows it empty.", "Write one."),
        ("Нет примера, поэтому в предпросмотре пусто.", "Напишите его."),
    ),
    (
        r"the expression failed: .*",
        ("This formula does not work with every card's data.", "Say what is shown when a value is missing."),
        ("Эта формула работает не для всех карт.", "Решите, что показывать, когда значения нет."),
    ),
    (
        r"a number has either a currency or a number style|`format: \w+` has no currency",
        ("A number is either money or a number.", "Choose one of the two."),
        ("Число — это либо деньги, либо просто число.", "Выберите одно."),
    ),
    # Google and publishing.
    (
        r"'(.*)' has (\d+) characters; Google recommends (\d+) here, .*",
        ("“{1}” has {2} letters; Google has room for about {3} here.", "Shorten it, or let it be cut on small phones."),
        (
            "«{1}» — {2} знаков; у Google здесь место примерно на {3}.",
            "Сократите, или на маленьких телефонах обрежется.",
        ),
    ),
    (
        r"on Google's side (?:the )?(.*) is the same for all holders",
        ("On Google this is the same on all cards.", "Use a text without a card's values here."),
        ("В Google это одинаково на всех картах.", "Возьмите здесь текст без значений карты."),
    ),
    (
        r"`(.*)` is neither a field's key nor a variable",
        ("Google is told a value that does not exist.", "Choose another, or leave it to us."),
        ("Для Google указано значение, которого нет.", "Выберите другое или предоставьте это нам."),
    ),
    (
        r"Google shows ten \w+s that all share and ten of a card, and .*",
        ("Google shows twenty texts at most; this one is beyond.", "Remove what matters least."),
        ("Google показывает не больше двадцати текстов; этот уже лишний.", "Уберите самое неважное."),
    ),
    (
        r"Google takes no transit ticket without .*",
        ("Google takes no transit ticket without a departure.", "Add the time, or an end."),
        ("Google не примет проездной без времени отправления.", "Добавьте время или срок."),
    ),
    (
        r"the style was fixed as \w+ by the first publish .*",
        ("The kind of card was fixed by the first publish.", "Make a new template for another kind."),
        ("Вид карты закреплён первой публикацией.", "Для другого вида сделайте новый шаблон."),
    ),
    (
        r"the Google type was fixed as .*",
        ("Google's kind of pass was fixed by the first publish.", "Make a new template for another kind."),
        ("Вид карты в Google закреплён первой публикацией.", "Для другого вида сделайте новый шаблон."),
    ),
    (
        r"`(.*)` would be missing on the cards that exist",
        ("Cards that exist do not have this value.", "Say what it is on a new card, or that it may be missing."),
        ("У выданных карт этого значения нет.", "Укажите, что будет на новой карте, или что оно может отсутствовать."),
    ),
    (
        r"`(.*)` holds .* on the cards that exist and cannot become .*",
        ("Cards that exist hold this value as another kind.", "Add a new value under another name."),
        ("На выданных картах это значение другого вида.", "Добавьте новое значение под другим именем."),
    ),
    (
        r"It took longer than .*|It needed more memory.*|It is nested too deeply.*",
        ("This card needs too much time to be drawn.", "Make the last formula or picture simpler."),
        ("Эта карта рисуется слишком долго.", "Упростите последнюю формулу или картинку."),
    ),
    (
        r"not an expression: .*|the expression is too complicated|`\{% .*|more than \d+ expressions in one text|this constant .*",
        ("This formula cannot be read.", "Undo the last step, or put the value in from the menu."),
        ("Эта формула не читается.", "Отмените последний шаг или вставьте значение из меню."),
    ),
    (
        r"there is no filter `(.*)`|a filter takes plain arguments only|`is .*` is not allowed",
        (
            "This formula asks for something that does not exist.",
            "Undo the last step, or take the value from the menu.",
        ),
        ("В формуле то, чего не существует.", "Отмените последний шаг или возьмите значение из меню."),
    ),
    (
        r"`(.*)` works on numbers only|a sign works on numbers only|.* needs a number, got .*",
        ("This formula calculates with something that is no number.", "Choose a value that is a number."),
        ("Формула считает с тем, что не является числом.", "Выберите значение, которое является числом."),
    ),
)

LOSSES: tuple[Row, ...] = (
    (
        r"`(.*)` rests on personal data, .*",
        ("It shows personal data, which this card keeps from Google.", "nothing."),
        ("Здесь личные данные, а карта их Google не отдаёт.", "ничего."),
    ),
    (
        r"`(.*)` is no field on Google\.",
        ("News are no field on Google.", "news come as messages, with an end of their own."),
        ("Новости в Google — не поле.", "новости приходят сообщениями, у каждого свой срок."),
    ),
    (
        r"`(.*)` is beyond the ten (?:texts|links) that Google shows\.",
        ("Google shows ten of these; this one is beyond.", "nothing."),
        ("Google показывает десять таких, это уже лишнее.", "ничего."),
    ),
    (
        r"`(.*)` is beyond the nine items of Google's front\.",
        ("Google's front has room for nine; this one is beyond.", "it stands in the details."),
        ("На лицо карты в Google входит девять полей, это уже лишнее.", "стоит в подробностях."),
    ),
    (
        r"a link has one text on Google\.",
        ("A link has one text on Google.", "the words of the link; the label is left out."),
        ("У ссылки в Google один текст.", "слова ссылки; подписи не будет."),
    ),
    (
        r"this place has one language on Google\.|the text below has one language on Google\.",
        ("This place has one language on Google.", "the card's own language."),
        ("В этом месте Google знает только один язык.", "язык карты."),
    ),
    (
        r"Google writes the lock screen's text, not you\.",
        (
            "Google writes the words on the lock screen.",
            "Google's own notification, at most three a day; your text is inside.",
        ),
        ("Слова на экране блокировки пишет Google.", "уведомление от Google, не больше трёх в день; ваш текст внутри."),
    ),
    (
        r"a field that Google does not have rings nobody\.",
        ("This field is not on Google, so it rings nobody there.", "nothing."),
        ("Этого поля в Google нет, поэтому там оно не звонит.", "ничего."),
    ),
    (
        r"Google aligns by the place in the row\.",
        ("Google aligns by the place in the row.", "left, middle or right."),
        ("Google выравнивает по месту в строке.", "слева, посередине или справа."),
    ),
    (
        r"Google finds no addresses inside a text\.",
        ("Google makes no links of phones and addresses inside a text.", "the text as it is."),
        ("Google не делает ссылок из телефонов и адресов внутри текста.", "текст как есть."),
    ),
    (
        r"Google chooses the colour of texts\.",
        ("Google chooses the colour of texts.", "dark or light, by the background."),
        ("Цвет текста выбирает Google.", "тёмный или светлый, по фону."),
    ),
    (
        r"Google has one colour, the background\.",
        ("Google has one colour, the background.", "nothing."),
        ("У Google один цвет — фон.", "ничего."),
    ),
    (
        r"texts do not stand on Google's picture\.",
        ("On Google no text stands on the picture.", "the picture is cut to 3 : 1, the texts stand in rows."),
        ("В Google на картинке не бывает текста.", "картинка обрезана 3 : 1, тексты строками."),
    ),
    (
        r"Google has no background picture\.|Google has no poster\.",
        ("Google has no picture behind everything.", "a picture cut to 3 : 1."),
        ("У Google нет картинки на весь фон.", "картинка, обрезанная 3 : 1."),
    ),
    (
        r"Google has no picture beside the fields\.",
        ("Google has no picture beside the fields.", "a picture in the details."),
        ("В Google нет картинки рядом с полями.", "картинка в подробностях."),
    ),
    (
        r"Google has one logo.*",
        ("Google has one logo for all.", "the card's own logo."),
        ("Логотип в Google один на всех.", "логотип карты."),
    ),
    (
        r"Google has one background for all cards of this type\.",
        ("Google has one background for all cards of this kind.", "the card's usual colour."),
        ("Фон в Google один на все карты этого вида.", "обычный цвет карты."),
    ),
    (
        r"Google has one picture for all languages\.",
        ("Google has one picture for all languages.", "the usual pictures."),
        ("Картинка в Google одна на все языки.", "обычные картинки."),
    ),
    (
        r"Google's picture has another shape\.",
        ("Google's picture has another shape.", "the stamps are laid out anew, in 3 : 1."),
        ("У картинки Google другие пропорции.", "штампы разложены заново, 3 : 1."),
    ),
    (
        r"Google has one barcode\.",
        ("Google has one code.", "the first that it can draw."),
        ("Код в Google один.", "первый, который Google умеет рисовать."),
    ),
    (
        r"Google takes ten places\.",
        ("Google takes ten places.", "nothing."),
        ("Google берёт десять мест.", "ничего."),
    ),
    (
        r"Google has no text of yours for a place\.",
        ("Near a place Google shows no text of yours.", "the card, in Google's words."),
        ("Рядом с местом Google не показывает ваш текст.", "карта, словами Google."),
    ),
    (
        r"Google does not lay the card out at a moment\.",
        ("Google does not bring the card up at a moment.", "{rest}"),
        ("Google не показывает карту в нужный момент сам.", "ничего или напоминание Google, если это билет."),
    ),
    (
        r"a card goes among Google's expired ones up to 24 hours late\.",
        ("On Google a card goes among the expired ones up to a day late.", "the same moment is told."),
        ("В Google карта уходит в просроченные с опозданием до суток.", "срок указан тот же."),
    ),
    (
        r"Google has no such buttons\.",
        ("Google has no such buttons.", "the links of the back."),
        ("Таких кнопок в Google нет.", "ссылки с оборота."),
    ),
    (
        r"Google reads no semantic tags.*",
        ("Google does not read Apple's tags.", "nothing."),
        ("Google не читает метки Apple.", "ничего."),
    ),
    (
        r"Google has one layout\.|Google shows the poster's own fields\.",
        ("Google has one layout.", "rows and details."),
        ("Раскладка в Google одна.", "строки и подробности."),
    ),
    (
        r"these keys are Apple's own\.",
        ("This is for Apple alone.", "nothing."),
        ("Это только для Apple.", "ничего."),
    ),
    (
        r"one Google user holds a card, and an iPhone's can be passed on\.",
        (
            "A Google card belongs to one person, an iPhone's can be passed on.",
            "passing on can be switched off by an expert.",
        ),
        ("Карта Google у одного человека, карту iPhone можно переслать.", "пересылку может выключить эксперт."),
    ),
    (
        r"Apple has no messages: no field shows `news\.text`\.",
        ("No field shows news, so they do not reach an iPhone.", "add a field “Text of the news” to the back."),
        ("Ни одно поле не показывает новости, до iPhone они не дойдут.", "добавьте на оборот поле «Текст новости»."),
    ),
    (
        r"no field of the Apple card says this\.",
        ("No field of the iPhone's card says this.", "a field of your own, if it matters there."),
        ("На карте iPhone этого нет ни в одном поле.", "своё поле, если это важно."),
    ),
    (
        r"Apple has no kinds of generic cards\.",
        ("An iPhone has no kinds of such cards.", "nothing."),
        ("На iPhone у таких карт нет видов.", "ничего."),
    ),
    (
        r"Apple's card holds the personal data\.",
        ("An iPhone's card holds the personal data.", "the file is the holder's own."),
        ("На карте iPhone личные данные есть.", "файл принадлежит владельцу."),
    ),
    (
        r"Apple's card has no fields of this name\.",
        ("An iPhone's card has no field of this name.", "fields of your own."),
        ("На карте iPhone нет поля с таким именем.", "ваши поля."),
    ),
    (
        r"Google sets how near is near\.",
        ("Google sets how near is near.", "Google's own radius."),
        ("Насколько близко — решает Google.", "радиус Google."),
    ),
    (
        r"Apple does not ask where an offer is taken\.",
        ("An iPhone's card does not say where an offer is taken.", "nothing."),
        ("На карте iPhone не сказано, где действует купон.", "ничего."),
    ),
    (
        r"the label is not on Google's link to a place\.",
        ("Google's link to a place has no label.", "the address itself."),
        ("У ссылки на место в Google нет подписи.", "сам адрес."),
    ),
)

_COMPILED = {id(rows): [(re.compile(row[0]), row) for row in rows] for rows in (PROBLEMS, LOSSES)}


def told(rows: tuple[Row, ...], clause: str, rest: str, language: str) -> tuple[str, str] | None:
    """(what it means, what to do) in a language; None where passkit's own words have to do."""
    for pattern, (_, english, russian) in _COMPILED[id(rows)]:
        if found := pattern.fullmatch(clause):
            sentence, fix = russian if language == "ru" else english
            groups = {str(number): group or "" for number, group in enumerate(found.groups(), 1)}
            return _filled(sentence, groups, rest), _filled(fix, groups, rest)
    return None


def _filled(text: str, groups: dict[str, str], rest: str) -> str:
    for number, group in groups.items():
        text = text.replace(f"{{{number}}}", group)
    return text.replace("{rest}", rest)
