"""Generated sentences in many languages: a few own words of each, and nonsense made of its syllables.

What is said matters little to a mouth; which sounds follow which does. Nearly half of the words are therefore put
together from a language's usual beginnings, middles and ends of syllables in its own spelling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NONSENSE_SHARE = 0.45
MAX_WORDS = 9


@dataclass(frozen=True)
class Language:
    """Spelling of one language.

    code: eSpeak NG's name of it.
    words: real words, numbers and names of letters among them.
    onsets, nuclei, codas: parts of syllables; "" is none.
    """

    code: str
    words: tuple[str, ...]
    onsets: tuple[str, ...]
    nuclei: tuple[str, ...]
    codas: tuple[str, ...]


def _language(code: str, words: str, onsets: str, nuclei: str, codas: str) -> Language:
    """A language from lists with blanks between; `_` is the empty part."""
    parts = [tuple("" if part == "_" else part for part in text.split()) for text in (onsets, nuclei, codas)]
    return Language(code, tuple(words.split()), *parts)


ENGLISH = (
    "one two three four five six seven eight nine zero now please again soon place put set lay my your people before"
    " mother father blue green white red apple maybe both with without over under from about thing think voice house"
    " table paper bubble pump map maple five above very a b c d e f g h i j k l m n o p q r s"
    " t u v x y z window when why",
    "b p m f v w th s z sh ch j t d n l r k g h bl br pl pr fl fr sm sp st str tr dr kr kl gr gl _",
    "a e i o u ee oo ou ai ay oy ow ea ar or er igh aw",
    "_ _ _ b p m f v th s z sh ch t d n l k g ng mp nd st lt nk",
)
LANGUAGES = {
    each.code: each
    for each in (
        _language("en-us", *ENGLISH),
        _language("en", *ENGLISH),
        _language(
            "de",
            "eins zwei drei vier fünf sechs sieben acht neun zehn bitte Mutter Vater Baum Apfel Pflaume Wasser"
            " schön über"
            " unter weiß rot grün blau immer wieder Buch Lampe Pumpe Abend morgen vielleicht möchte"
            " wir haben Bäume Fisch",
            "b p m f w v sch s z t d n l r k g h pf bl br pl pr fl fr schm schp st tr dr kr kl gr gl kn zw j _",
            "a e i o u ä ö ü au ei eu ie aa oo uh eh",
            "_ _ b p m f s sch ch t d n l r k g ng mpf nd st lt nk bst",
        ),
        _language(
            "fr",
            "un deux trois quatre cinq six sept huit neuf dix bonjour maman papa pomme bleu vert rouge blanc"
            " maison table"
            " beaucoup peut-être avec sans toujours encore vous nous voulez petit femme homme livre"
            " feu lune rue main pain",
            "b p m f v s z ch j t d n l r c g bl br pl pr fl fr tr dr cr cl gr gl gn _",
            "a e i o u é è ou eu oi on an in ai au ui",
            "_ _ _ _ be pe me fe ve se che ge te de ne le re que",
        ),
        _language(
            "es",
            "uno dos tres cuatro cinco seis siete ocho nueve diez hola madre padre manzana azul verde rojo"
            " blanco casa mesa"
            " mucho quizás con sin siempre bueno pueblo por favor hombre mujer libro fuego luna calle"
            " mano pan bebe mapa",
            "b p m f v s z ch j t d n l r c g bl br pl pr fl fr tr dr cr cl gr gl ñ ll qu _",
            "a e i o u ia ie ue ua ei au oi",
            "_ _ _ _ s n l r d z m",
        ),
        _language(
            "it",
            "uno due tre quattro cinque sei sette otto nove dieci ciao mamma babbo mela blu verde rosso bianco"
            " casa tavola"
            " molto forse con senza sempre buono popolo prego uomo donna libro fuoco luna strada mano"
            " pane gnocchi famiglia",
            "b p m f v s z c g t d n l r ch gh bl br pl pr fl fr tr dr cr cl gr sc gn gl sp st _",
            "a e i o u ia ie uo io au ei",
            "_ _ _ _ _ n l r m s bb pp mm tt",
        ),
        _language(
            "pl",
            "jeden dwa trzy cztery pięć sześć siedem osiem dziewięć dziesięć mama tata jabłko niebieski zielony"
            " biały dom"
            " stół bardzo może zawsze dobry proszę człowiek kobieta książka ogień ulica ręka chleb"
            " babcia pompa żaba wóz",
            "b p m f w s z sz ż cz c dz t d n l r k g h ch ł bl br pl pr fl wr tr dr kr kl gr gl mi bi pi ś ć ź _",
            "a e i o u y ą ę ó ie ia",
            "_ _ _ b p m w s sz cz t d n l r k j ł ść",
        ),
        _language(
            "cs",
            "jedna dvě tři čtyři pět šest sedm osm devět deset máma táta jablko modrý zelený bílý dům stůl velmi možná"
            " vždy dobrý prosím člověk žena kniha oheň ulice ruka chléb babička pumpa žába vůz buchta kámen hlava",
            "b p m f v s z š ž č c t d n l r k h ch ř j bl br pl pr fl vr tr dr kr kl hr hl mě bě pě ť ď ň _",
            "a e i o u á é í ó ú y ou ě",
            "_ _ _ b p m v s š č t d n l r k j ch",
        ),
        _language(
            "ru",
            "один два три четыре пять шесть семь восемь девять десять мама папа яблоко синий зелёный белый дом"
            " стол очень"
            " может всегда добрый пожалуйста человек женщина книга огонь улица рука хлеб бабушка помпа"
            " жаба воз мыло быть",
            "б п м ф в с з ш ж ч ц т д н л р к г х й бл бр пл пр фл вр тр др кр кл гр гл щ _",
            "а е и о у ы э ю я ё",
            "_ _ _ б п м в с ш ч т д н л р к й сть ль",
        ),
        _language(
            "pt-br",
            "um dois três quatro cinco seis sete oito nove dez mãe pai maçã azul verde vermelho branco casa mesa muito"
            " talvez com sem sempre bom povo por favor homem mulher livro fogo lua rua mão pão bebê"
            " mapa chuva joelho não",
            "b p m f v s z ch j t d n l r c g bl br pl pr fl fr tr dr cr cl gr gl nh lh qu _",
            "a e i o u ão em om ei ou ai eu ê ô",
            "_ _ _ _ s r l m",
        ),
        _language(
            "tr",
            "bir iki üç dört beş altı yedi sekiz dokuz on anne baba elma mavi yeşil kırmızı beyaz ev masa çok belki ile"
            " her zaman iyi lütfen adam kadın kitap ateş ay sokak el ekmek bebek pompa göz köprü büyük şimdi değil",
            "b p m f v s z ş c ç t d n l r k g h y _",
            "a e ı i o ö u ü",
            "_ _ b p m v s ş ç t d n l r k y",
        ),
        _language(
            "fi",
            "yksi kaksi kolme neljä viisi kuusi seitsemän kahdeksan yhdeksän kymmenen äiti isä omena sininen"
            " vihreä talo"
            " pöytä hyvin ehkä aina hyvä ihminen nainen kirja tuli kuu katu käsi leipä mummo pumppu vauva mies työ yö",
            "p m v s t n l r k h j _ b",
            "a e i o u y ä ö aa ee ii oo uu ie uo yö ai au öy äy",
            "_ _ _ s n l r t m k",
        ),
        _language(
            "sv",
            "ett två tre fyra fem sex sju åtta nio tio mamma pappa äpple blå grön röd vit hus bord mycket kanske"
            " med utan"
            " alltid god folk människa kvinna bok eld måne gata hand bröd pump båt skön kjol över under igen nu bara",
            "b p m f v s sk sj t d n l r k g h j bl br pl pr fl fr sm sp st tr dr kr kl gr gl _",
            "a e i o u y å ä ö",
            "_ _ _ b p m v s t d n l r k g ng mp nd st",
        ),
        # Never trained on: the two of the evaluation, and a third that Festival has a voice for.
        _language(
            "hu",
            "egy kettő három négy öt hat hét nyolc kilenc tíz anya apa alma kék zöld piros fehér ház asztal"
            " nagyon talán"
            " mindig jó kérem ember nő könyv tűz hold utca kéz kenyér baba pumpa béka víz köszönöm gyümölcs zsemle",
            "b p m f v s sz zs z cs c gy ny t d n l r k g h j _",
            "a á e é i í o ó ö ő u ú ü ű",
            "_ _ b p m v s sz cs t d n l r k ny k",
        ),
        _language(
            "el",
            "ένα δύο τρία τέσσερα πέντε έξι εφτά οχτώ εννιά δέκα μαμά μπαμπάς μήλο μπλε πράσινο άσπρο σπίτι"
            " τραπέζι πολύ"
            " ίσως πάντα καλό παρακαλώ άνθρωπος γυναίκα βιβλίο φωτιά φεγγάρι δρόμος χέρι ψωμί μωρό βάρκα θάλασσα νερό",
            "β π μ φ μπ σ ζ θ δ τ ντ ν λ ρ κ γ χ πλ πρ φρ τρ κρ κλ γρ _",
            "α ε ι ο ου αι οι ά έ ί ό ού",
            "_ _ _ _ ς ν ρ",
        ),
        _language(
            "ca",
            "un dos tres quatre cinc sis set vuit nou deu mare pare poma blau verd vermell blanc casa taula molt"
            " potser amb"
            " sense sempre bo poble home dona llibre foc lluna carrer pa bomba mapa barca vi aigua peix",
            "b p m f v s z x j t d n l r c g bl br pl pr fl fr tr dr cr cl gr gl ny ll _",
            "a e i o u ai ei ou au",
            "_ _ _ _ s n l r m t",
        ),
    )
}
# Of a language, eSpeak NG's names.
ACCENTS = {
    "en": ("en", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029"),
    "es": ("es", "es-419"),
    "pt-br": ("pt-br", "pt"),
}
UNSEEN_LANGUAGES = ("hu", "el", "ca")
TRAINING_LANGUAGES = tuple(code for code in LANGUAGES if code not in UNSEEN_LANGUAGES)


def make_sentence(language: Language, random: np.random.Generator) -> str:
    """A sentence of 2 to 9 words, some of them nonsense, with commas, and a full stop, ? or ! at its end."""
    words = []
    for _ in range(random.integers(2, MAX_WORDS + 1)):
        is_nonsense = random.random() < NONSENSE_SHARE
        word = _nonsense(language, random) if is_nonsense else str(random.choice(language.words))
        words.append(word + ("," if random.random() < 0.12 else ""))
    return " ".join(words).rstrip(",") + str(random.choice([".", ".", ".", "?", "!"]))


def _nonsense(language: Language, random: np.random.Generator) -> str:
    parts = (language.onsets, language.nuclei, language.codas)
    return "".join(str(random.choice(part)) for _ in range(random.integers(1, 4)) for part in parts)
