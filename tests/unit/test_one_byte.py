"""Encodings with one byte for each letter: found where words tell, asked for where they do not, never mistaken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from surveys import make_survey

from learning_survey import encodings
from learning_survey.encodings import UndecidedError
from learning_survey.errors import SurveyError
from learning_survey.exports import read_export

WESTERN = {
    "English": "I don’t know|It’s fine|naïve|café|£5|wait…|“good”",
    "French": "Très satisfait|Plutôt d’accord|bien à l’école|Les élèves s’écoutent|C’est où ?|garçon|forêt|Noël|l’été",
    "German": "Für mich|Mädchen|Größe|völlig|überhaupt nicht|Schüler|schön",
    "Spanish": "Más o menos|años|Sí|niñas|también|¿Cómo estás?",
    "Portuguese": "não|Às vezes|às aulas|você|irmão|também|educação",
    "Italian": "più o meno|perché|così così|Sì|città|è bello",
    "Swedish": "på skolan|är|också|för|flickor får|skräp",
    "Danish": "på skolen|øre|også|være|prøve|pæn",
    "Finnish": "Täysin eri mieltä|en tiedä|hyvä|tyttö|pöytä",
    "Dutch": "één|ideeën|België|reünie|zoëven",
}
# Texts, and the encodings of their language.
OTHERS = {
    "French": ("cœur|Très bien|forêt|sœur", "iso8859-15"),
    "Western, DOS": ("für mich|Très|schön|Größe|garçon|überhaupt", "cp850 cp437"),
    "Polish": (
        "zgadzam się|są mili|może|dzień|imię|też|dziewczęta są",
        "cp1250 iso8859-2 cp852 mac-latin2",
    ),
    "Czech": ("Rozhodně souhlasím|dívky|učitelé|více|není|děti|třída šťastná", "cp1250 iso8859-2 cp852 mac-latin2"),
    "Hungarian": ("Egyáltalán nem|fiú|nő|tűz|szülő", "cp1250 iso8859-2 cp852 mac-latin2"),
    "Romanian": ("că|fată|când|săptămână", "cp1250 iso8859-2 cp852"),
    "Croatian": ("učenici|često|više|možda|djevojčica žuti", "cp1250 iso8859-2 cp852 mac-latin2"),
    "Lithuanian": ("mergaitė|kartą|ačiū|žinau|niekada neužmiršęs", "cp1257 iso8859-13"),
    "Latvian": ("meitene ļoti|vienmēr|skolā|dažreiz", "cp1257 iso8859-13"),
    "Estonian": ("tüdruk|mõnikord|täiesti|žurnaal|šokolaad", "cp1257 iso8859-13"),
    "Turkish": ("katılıyorum|bazen kız|öğretmen|şey|sınıf", "cp1254 iso8859-9 cp857 mac-turkish"),
    "Russian": ("да|нет|не знаю|и|Иногда|Согласен", "cp1251 koi8-r cp866 iso8859-5 mac-cyrillic"),
    "Greek": ("όχι|το|να|ποτέ|διαφωνώ", "cp1253 iso8859-7"),
    "Japanese": ("はい|学|いいえ|学校|ア|とても楽しい", "shift_jis cp932 euc_jp"),
    "Chinese": ("是|不|好|老|同意", "gbk big5"),
    "Korean": ("네|아니오", "euc_kr cp949"),
}
FOREIGN = [(codec, texts.split("|")) for texts, codecs in OTHERS.values() for codec in codecs.split()]


def put(path, texts, codec):
    path.write_bytes(("id,said\n" + "".join(f'1,"{text}"\n' for text in texts)).encode(codec))
    return path


def read(path, known=()):
    """The texts in the file, as read; None where it is refused because its words do not tell."""
    try:
        found = encodings.detect(path, None, known)
    except UndecidedError as error:
        assert "exports.encoding" in error.remedy
        return None
    return [line.partition(",")[2].strip('"') for line in "".join(encodings.decoded(path, found)).splitlines()[1:]]


@pytest.mark.parametrize("codec", ["cp1252", "mac-roman"])
@pytest.mark.parametrize("language", WESTERN)
def test_an_ordinary_western_european_file_is_found(tmp_path, language, codec):
    texts = WESTERN[language].split("|")
    path = put(tmp_path / "e.csv", texts, codec)
    assert read(path) == texts
    assert encodings.detect(path).codec == codec


@pytest.mark.parametrize(("codec", "texts"), FOREIGN)
def test_another_encoding_is_refused_and_found_by_a_word_that_the_study_knows(tmp_path, codec, texts):
    path = put(tmp_path / "e.csv", texts, codec)
    assert read(path) is None
    many_bytes = codec in ("shift_jis", "cp932", "euc_jp", "gbk", "big5", "euc_kr", "cp949")
    assert read(path, texts) == (None if many_bytes else texts)


@given(st.sampled_from(FOREIGN), st.data())
def test_a_few_words_in_another_encoding_are_never_mistaken(tmp_path_factory, foreign, data):
    codec, words = foreign
    texts = data.draw(st.lists(st.sampled_from(words), min_size=1, unique=True))
    known = data.draw(st.lists(st.sampled_from(words), max_size=2))
    path = put(tmp_path_factory.mktemp("t") / "e.csv", texts, codec)
    if not path.read_bytes().isascii():
        assert read(path, known) in (texts, None)


def test_one_letter_that_no_encoding_has_is_refused_among_many_good_words(tmp_path):
    path = put(tmp_path / "e.csv", [f"fé{a}{b}" for a in "lmnrst" for b in "aeiou"], "cp1252")
    path.write_bytes(path.read_bytes() + b'1,"pi\x81ata"\n')
    with pytest.raises(SurveyError, match="do not tell its encoding: 'pi\ufffdata'"):
        encodings.detect(path)


def test_only_columns_that_the_study_uses_have_to_tell(tmp_path):
    survey = make_survey(tmp_path, schools=2, per_school=4, files=1, dimensions=2)
    survey.change(columns={"ignore": ["comment"]})
    plain = survey.exports[0].read_text().splitlines()
    rows = [plain[0] + ",comment", *(row + ",się" for row in plain[1:])]
    survey.exports[0].write_bytes("\n".join(rows).encode("cp1250"))
    survey.run("ingest")
    files = (survey.tables / "ingest" / "files.csv").read_text()
    assert "not known; ASCII in the columns that are used" in files
    survey.exports[0].write_bytes("\n".join(rows).replace("Male", "się").replace("Boy", "się").encode("cp1250"))
    with pytest.raises(UndecidedError, match=r"'siê' \(Windows-1252\) or 'się' \(Windows-1250\)"):
        read_export(survey.exports[0], survey.load())
