"""The English words that a mood may use, grouped by meaning: the table of synonyms, degrees and frequencies."""

from __future__ import annotations

from collections.abc import Mapping

# By meaning, with a degree before it where the words say more or less than the meaning does. Words of several parts
# are read as a whole. Endings do not matter (`word_stems.py`).
SYNONYMS: Mapping[str, str] = {
    "neutral": "neutral, normal, expressionless, blank, poker face, ordinary, as usual, natural, 😐",
    # ---- glad
    "happy": (
        "happy, glad, joyful, joyous, cheerful, cheery, merry, jolly, sunny, pleased, upbeat, positive, bright, "
        "joy, in a good mood, good mood, good-humoured, good-humored, festive, fun, optimistic, lighthearted, "
        "chipper, jovial, gay, 😊, 😀"
    ),
    "very happy": (
        "delighted, overjoyed, ecstatic, elated, thrilled, euphoric, beaming, radiant, blissful, jubilant, "
        "gleeful, on top of the world, over the moon, beatific, rapturous, 😄, 😃"
    ),
    "smile": "smile, smiley, 🙂, ☺",
    "slightly smile": "half smile, half-smile, trace of a smile, hint of a smile, faint smile, smile faintly",
    "grin": "grin, toothy smile, big smile, wide smile, broad smile, 😁",
    "smirk": "smirk, crooked smile, sneer, lopsided smile, wry, ironic, sarcastic, sly, 😏",
    "content": (
        "content, contented, satisfied, fulfilled, at ease, comfortable, cosy, cozy, fine, well, alright, okay, ok"
    ),
    "friendly": (
        "friendly, kind, nice, warm, welcoming, kindly, amiable, likeable, likable, sociable, approachable, "
        "polite, good-natured, sympathetic, caring, charming, open, pleasant, benevolent, hospitable, courteous, "
        "generous"
    ),
    "amused": "amused, entertained, tickled, humorous, bemused, mirthful",
    "excited": (
        "excited, enthusiastic, exhilarated, eager, pumped, passionate, fired up, hyped, ecstatic about, ardent, "
        "giddy, psyched, gung-ho, 🤩"
    ),
    "in love": (
        "in love, loving, enamoured, enamored, smitten, infatuated, adoring, love, romantic, affectionate, "
        "tender, besotted, lovesick, 😍, 🥰"
    ),
    "relieved": "relieved, reassured, unburdened, 😌",
    "touched": "touched, moved, grateful, thankful, emotional, appreciative, 🥹",
    "hopeful": "hopeful, expectant, longing, yearning, trusting, wishful, anticipating, sanguine",
    "proud": "proud, triumphant, victorious, dignified, noble, majestic, stately, regal",
    "confident": (
        "confident, self-confident, self-assured, sure, assured, certain, brave, bold, courageous, fearless, "
        "assertive, cool, poised, self-possessed, 😎"
    ),
    "smug": (
        "smug, arrogant, haughty, conceited, snobbish, snooty, superior, condescending, self-satisfied, cocky, "
        "vain, contemptuous, disdainful"
    ),
    "playful": (
        "playful, silly, goofy, teasing, joking, jokey, childlike, whimsical, funny, witty, pert, frisky, "
        "kittenish, 😜, 😉"
    ),
    "flirty": (
        "flirty, flirtatious, seductive, coquettish, sexy, alluring, sultry, smouldering, smoldering, come-hither"
    ),
    "mischievous": "mischievous, cheeky, impish, naughty, scheming, cunning, plotting, 😈",
    "gentle": "gentle, soft, meek, sweet, motherly, fatherly, tender-hearted, humble, modest, patient, soothing",
    "innocent": "innocent, naive, naïve, childish, pure, puppy eyes, winsome, cute, adorable, 😇, 🥺",
    "dreamy": (
        "dreamy, daydreaming, absent, absent-minded, lost in thought, wistful, nostalgic, distracted, spacey, far "
        "away, dream, absentminded"
    ),
    # ---- low
    "sad": (
        "sad, unhappy, down, blue, sorrowful, gloomy, melancholic, melancholy, downcast, dejected, glum, "
        "mournful, depressed, low, upset, sorry, hurt, tearful, dispirited, discouraged, sorrow, grief, in a bad "
        "mood, bad mood, pessimistic, somber, sombre, troubled, crestfallen, doleful, lugubrious, downhearted, "
        "bereft, ☹, 🙁, 😔, 😢"
    ),
    "very sad": (
        "miserable, heartbroken, devastated, grieving, desperate, hopeless, despairing, inconsolable, despondent, "
        "wretched, 😞"
    ),
    "crying": "cry, crying, weeping, sobbing, in tears, bawling, wailing, weepy, 😭",
    "disappointed": "disappointed, let down, dissatisfied, frustrated, disillusioned, resigned",
    "tired": (
        "tired, weary, fatigued, worn, run down, jaded, listless, languid, lethargic, sluggish, low energy, no "
        "energy, overworked, tired eyes, heavy eyes, heavy lids, drained, haggard, worn down, 🥱"
    ),
    "very tired": (
        "exhausted, worn out, spent, burnt out, burned out, dead tired, knackered, wiped out, beat, zonked, "
        "pooped, dog-tired, 😩"
    ),
    "sleepy": (
        "sleepy, drowsy, dozy, half asleep, dozing, falling asleep, nodding off, somnolent, groggy, bleary, "
        "bleary-eyed, 😴, 😪"
    ),
    "bored": (
        "bored, uninterested, indifferent, apathetic, disinterested, fed up, unimpressed, boredom, blasé, weary "
        "of it, 😑, 🙄"
    ),
    "lonely": "lonely, alone, lonesome, abandoned, forlorn, homesick, isolated, left out",
    "sick": "sick, ill, unwell, nauseous, poorly, feverish, queasy, hungover, 🤒, 🤢",
    "in pain": "in pain, pain, suffering, aching, agony, tormented, anguished, wincing, 😖, 😣",
    # ---- unsure
    "shy": (
        "shy, timid, bashful, coy, reserved, withdrawn, introverted, self-conscious, reticent, shyness, insecure, "
        "unsure, hesitant, quiet, demure, diffident, mousy"
    ),
    "embarrassed": ("embarrassed, ashamed, awkward, sheepish, flustered, humiliated, mortified, abashed, 😳, 😅"),
    "guilty": "guilty, remorseful, contrite, regretful, apologetic, repentant, rueful",
    "nervous": (
        "nervous, anxious, jittery, on edge, edgy, stressed, agitated, jumpy, twitchy, fidgety, uneasy, "
        "impatient, uncomfortable, under pressure, antsy, nervousness, hectic, skittish, frazzled, rattled, 😬"
    ),
    "worried": (
        "worried, concerned, troubled by it, apprehensive, doubtful, insecure about it, distressed, worry, "
        "perturbed, fretful, 😟"
    ),
    "afraid": "afraid, scared, frightened, fearful, fear, intimidated, startled, alarmed, spooked, 😨, 😧",
    "very afraid": "terrified, horrified, panicked, panicking, petrified, terror, in panic, 😱",
    "confused": (
        "confused, puzzled, perplexed, baffled, bewildered, lost, disoriented, clueless, uncertain, irritated, 😕"
    ),
    "sceptical": (
        "sceptical, skeptical, suspicious, doubting, distrustful, mistrustful, disbelieving, wary, incredulous, "
        "unconvinced, cynical, critical, judging, judgmental, 🤨"
    ),
    # ---- awake
    "curious": "curious, inquisitive, intrigued, questioning, wondering, nosy, fascinated, captivated, adventurous",
    "attentive": (
        "attentive, interested, listening, alert, awake, engaged, aware, observant, watchful, vigilant, all ears, "
        "involved, enthralled, rapt, spellbound, riveted"
    ),
    "thoughtful": (
        "thoughtful, pensive, thinking, contemplative, reflective, pondering, considering, philosophical, "
        "meditative, musing, introspective, wise, 🤔"
    ),
    "focused": "focused, focussed, concentrated, concentrating, absorbed, intent, busy, sharp, intense",
    "surprised": (
        "surprised, astonished, amazed, stunned, wow, startled by it, speechless, astounded, surprise, awestruck, "
        "in awe, impressed, dumbstruck, 😮, 😲"
    ),
    "very surprised": "shocked, flabbergasted, dumbfounded, thunderstruck, gobsmacked, shock, 🤯",
    "serious": (
        "serious, stern, grave, solemn, strict, earnest, austere, businesslike, formal, professional, "
        "matter-of-fact, sober, severe, stoic, cold, distant, aloof, unfriendly, grim, dour, stony, unsmiling"
    ),
    "determined": (
        "determined, resolute, decided, decisive, resolved, ambitious, driven, heroic, motivated, stubborn, "
        "defiant, steadfast"
    ),
    # ---- against
    "angry": (
        "angry, mad, cross, hostile, aggressive, anger, irate, indignant, outraged, threatening, wrathful, "
        "grumpy, pugnacious, belligerent, riled, bellicose, 😠"
    ),
    "very angry": "furious, enraged, raging, livid, fuming, seething, rage, hateful, 😡, 🤬",
    "annoyed": (
        "annoyed, irritable, bothered, exasperated, vexed, bad-tempered, ill-tempered, moody, cranky, displeased, "
        "peeved, sulky, touchy, grouchy, jealous, envious, resentful, offended, sullen, stroppy, tetchy, "
        "aggrieved, disgruntled, testy, snappish, 😒, 😤"
    ),
    "disgusted": "disgusted, repulsed, revolted, grossed out, appalled, disgust, disapproving, 🤮",
    "pouting": "pout, pouting, sulking, huffy, offended pout, duckface, duck face",
    "evil": (
        "evil, sinister, villainous, wicked, diabolical, malicious, menacing, creepy, cruel, devilish, spooky, "
        "vindictive, vengeful, malevolent, 👿"
    ),
    "drunk": "drunk, tipsy, boozy, intoxicated, stoned, woozy, dizzy, 🥴",
    # ---- gaze
    "looks down": (
        "looks down, look downward, looks downwards, looks at the floor, look at the ground, eyes down, gaze "
        "down, glance down, lowers the gaze, lower the eyes, downward gaze, lowered eyes, eyes lowered, looking "
        "at the floor, gazes down, stares at the floor"
    ),
    "looks up": (
        "looks up, look upward, looks upwards, eyes up, gaze up, glance up, looks at the ceiling, looks at the "
        "sky, gazes up, upward gaze"
    ),
    "looks left": "looks left, looks to the left, eyes left, glances left, glance to the left, gazes left",
    "looks right": "looks right, looks to the right, eyes right, glances right, glance to the right, gazes right",
    "looks aside": (
        "looks aside, looks sideways, glances aside, glances sideways, side-eye, side eye, looks to the side, "
        "eyes aside, looks past you, gazes aside"
    ),
    "looks away": (
        "looks away, glances away, eyes away, turns the gaze away, gazes away, looks elsewhere, look into the "
        "distance, gazes into the distance, looks out of the window"
    ),
    "looks around": (
        "looks around, glances around, looks about, eyes wander, wandering eyes, wandering gaze, looks "
        "everywhere, shifty eyes, shifty, scanning, darting eyes, eyes dart"
    ),
    "looks at you": (
        "looks at you, looks at me, eye contact, keeps eye contact, looks into the camera, looks at the camera, "
        "looks straight, looks ahead, looks straight ahead, steady gaze, looks into your eyes, direct gaze, faces "
        "the camera"
    ),
    "stares": "stares, stare at you, stares at me, staring, fixed gaze, glares, glare, unblinking stare",
    "avoids eyes": (
        "avoids eyes, avoids eye contact, avoids looking, evades eyes, averts the eyes, averts the gaze, averted "
        "eyes, averted gaze, evasive, no eye contact, without eye contact, shuns eye contact, avoids the camera, "
        "avoiding gaze"
    ),
    "rolls the eyes": (
        "rolls the eyes, eye roll, rolls eyes, eye-roll, eye rolling, rolls her eyes, rolls his eyes, rolls their "
        "eyes, rolling eyes"
    ),
    # ---- energy
    "calm": (
        "calm, peaceful, serene, tranquil, composed, collected, unhurried, placid, low-key, zen, balanced, "
        "restrained, subdued, unruffled, imperturbable, even-tempered"
    ),
    "relaxed": (
        "relaxed, laid-back, laid back, easy-going, easygoing, chilled, chill, loose, casual, at rest, carefree, "
        "mellow, unwound, 😮‍💨"
    ),
    "lively": (
        "lively, animated, vivid, expressive, spirited, vivacious, bubbly, perky, active, alive, fresh, chatty, "
        "talkative, outgoing, extroverted, spontaneous, jaunty, sprightly, sparkling"
    ),
    "energetic": (
        "energetic, dynamic, vigorous, full of energy, powerful, high energy, hyper, hyperactive, wild, crazy, "
        "exuberant, theatrical, dramatic, over the top, boisterous, frantic"
    ),
    "still": (
        "still, motionless, unmoving, frozen, stiff, rigid, statue-like, like a statue, wooden, immobile, "
        "statuesque, keeps still, holds still, stands still, sits still"
    ),
    "restless": (
        "restless, unsettled, unquiet, hurried, rushed, shifting, squirming, can't sit still, cannot sit still, "
        "doesn't sit still"
    ),
    "slow": "slow, slowly, lazy, leisurely, in slow motion, slow motion, idle",
    "tense": "tense, tight, strained, cramped, clenched, uptight, clenched jaw, jaw clenched, on guard, tension",
    # ---- single motions
    "nods": "nods, nod, nods the head, nods along, agreeing, agrees, approving, affirming",
    "shakes the head": (
        "shakes the head, shakes, head shake, head-shake, shakes head, shakes her head, shakes his head, shakes "
        "their head, disagreeing, disagrees"
    ),
    "waves": "waves, waving, waves hello, greets, greeting, says hello, waves a hand, 👋",
    "winks": "winks, wink, winking",
    "laughs": "laughs, laugh, laughing, laughter, giggles, chuckles, cackles, 😂, 🤣, 😆",
    "sighs": "sighs, sigh, sighing, breathes out slowly",
    "yawns": "yawns, yawn, yawning",
    "kisses": "kisses, blows a kiss, blows kisses, kissing, kissy, smooches, kiss face, 😘, 😗, 💋",
    "puffs the cheeks": (
        "puffs the cheeks, puffs, puffed cheeks, puffs cheeks, puffy cheeks, blows up the cheeks, inflated cheeks"
    ),
    "sticks the tongue out": (
        "sticks the tongue out, tongue, tongue out, sticks out the tongue, sticks out tongue, sticks her tongue out, "
        "sticks his tongue out, sticks their tongue out, pokes out the tongue, shows the tongue, 😛, 😝, 👅"
    ),
    "blushes": "blushes, blush, blushing, red cheeks, rosy cheeks, pink cheeks, flushed, flushed cheeks",
    "bites the lip": (
        "bites the lip, bites lip, bites her lip, bites his lip, bites their lip, lip biting, lip bite, chews the lip"
    ),
    "frowns": (
        "frowns, frown, scowls, scowling, furrowed brow, furrowed brows, knits the brows, knitted brows, furrows "
        "the brow, glowers, lowered brows"
    ),
    "raises the brows": (
        "raises the brows, raised brows, raised eyebrows, raises the eyebrows, raises eyebrows, eyebrows up, "
        "brows up, lifts the brows, lifted brows, raises brows, high brows"
    ),
    "raises one brow": (
        "raises one brow, a raised brow, a raised eyebrow, raises an eyebrow, one eyebrow up, raises a brow, one "
        "raised eyebrow, lifts an eyebrow, raises one eyebrow, cocked eyebrow"
    ),
    "squints": "squints, squinting, narrow eyes, narrowed eyes, narrows the eyes, eyes narrowed, slit eyes, peers",
    "wide eyes": (
        "wide eyes, eyes wide, big eyes, wide-eyed, wide open eyes, eyes wide open, opens the eyes wide, open eyes"
    ),
    "half-closed eyes": (
        "half-closed eyes, half closed eyes, eyes half closed, eyes half-closed, half-open eyes, bedroom eyes, "
        "lidded, droopy eyes, half-lidded, hooded eyes, lowered lids, droopy lids, drooping lids, half shut eyes"
    ),
    "closed eyes": (
        "closed eyes, eyes closed, shut eyes, eyes shut, closes the eyes, shuts the eyes, closes eyes, asleep, sleeping"
    ),
    "open mouth": (
        "open mouth, mouth open, opens the mouth, gaping, agape, slack-jawed, open-mouthed, parted lips, lips "
        "parted, gapes"
    ),
    "presses the lips": (
        "presses the lips, pressed lips, tight lips, tight-lipped, lips pressed, thin lips, pursed tightly, "
        "presses lips, lips tight, closed mouth, mouth closed"
    ),
    "wrinkles the nose": (
        "wrinkles the nose, wrinkled nose, nose wrinkled, scrunches the nose, scrunched nose, turns up the nose"
    ),
    "purses the lips": "purses the lips, pursed lips, lips pursed, puckers, puckered lips, purses lips",
    "head up": (
        "head up, chin up, head high, raised chin, head raised, head held high, raises the chin, holds the head "
        "high, lifted chin, head back"
    ),
    "head down": (
        "head down, chin down, lowered head, head lowered, head bowed, hangs the head, bowed head, head hanging, "
        "lowers the head, chin on chest"
    ),
    "tilts the head": (
        "tilts the head, head tilt, head tilted, tilted head, tilts head, tilts her head, tilts his head, tilts "
        "their head, head aslant, cocks the head, head cocked, head to one side, inclines the head"
    ),
    "turns away": (
        "turns away, turned away, head turned, turned head, turned aside, turns the head, head turned away, "
        "turned to the side, turns the head away"
    ),
    # ---- habits
    "blinks": "blinks, blink, blinking, blinks the eyes, bats the lashes, flutters the eyelashes, bats eyelashes",
    "breathes heavily": (
        "breathes heavily, breathes deeply, heavy breath, heavy breathing, deep breath, deep breaths, panting, "
        "pants, out of breath, breathless, breathing hard, breathing heavily, breathes hard, gasps"
    ),
    "breathes fast": (
        "breathes fast, breathes quickly, fast breath, quick breath, fast breathing, hyperventilates, shallow "
        "breath, quick breathing"
    ),
    "breathes calmly": (
        "breathes calmly, breathes slowly, slow breath, calm breath, slow breathing, breathes evenly, even "
        "breath, calm breathing"
    ),
    "sways": "sways, swaying, sway, rocks, rocking, leans, wobbles, wobbly, swings, dances, dancing, bobbing",
}

# Factors of how much of a meaning is shown.
DEGREES: Mapping[str, float] = {
    "hardly": 0.25, "barely": 0.25, "scarcely": 0.25, "almost imperceptibly": 0.25, "subtly": 0.35, "subtle": 0.35,
    "slightly": 0.45, "slight": 0.45, "faintly": 0.4, "faint": 0.4, "lightly": 0.45, "light": 0.45, "a bit": 0.5,
    "bit": 0.5, "a little": 0.5, "a little bit": 0.5, "little": 0.5, "mildly": 0.5, "small": 0.5, "tiny": 0.3,
    "a touch": 0.45, "a trace": 0.35, "a hint of": 0.35, "hint of": 0.35, "somewhat": 0.7, "kind of": 0.7,
    "sort of": 0.7, "fairly": 0.8, "moderately": 0.8, "rather": 0.9, "half": 0.5, "partly": 0.6, "not too": 0.5,
    "quite": 1.15, "pretty": 1.2, "really": 1.5, "very": 1.5, "so": 1.5, "deeply": 1.5, "deep": 1.5, "strongly": 1.5,
    "strong": 1.5, "big": 1.4, "broad": 1.4, "highly": 1.5, "much": 1.4, "a lot": 1.5, "lots": 1.5, "heavily": 1.5,
    "heavy": 1.5, "truly": 1.4, "more": 1.3, "especially": 1.5, "terribly": 1.8, "awfully": 1.8, "too": 1.5,
    "totally": 1.8, "completely": 1.8, "absolutely": 1.8, "utterly": 1.9, "incredibly": 1.9, "extremely": 2.0,
    "super": 1.8, "insanely": 2.0, "hugely": 1.8, "exceedingly": 2.0, "overly": 1.7, "less": 0.6,
}  # fmt: skip

# Seconds from one time to the next; 0: all the time.
FREQUENCIES: Mapping[str, float] = {
    "almost never": 45.0, "hardly ever": 45.0, "very rarely": 45.0, "rarely": 26.0, "rare": 26.0, "seldom": 26.0,
    "once in a while": 20.0, "occasionally": 15.0, "occasional": 15.0, "every now and then": 13.0,
    "now and then": 13.0, "now and again": 13.0, "from time to time": 13.0, "at times": 11.0, "sometimes": 9.0,
    "sometime": 9.0, "once and again": 11.0, "again and again": 5.0, "repeatedly": 5.0, "regularly": 7.0,
    "frequently": 4.5, "often": 4.5, "frequent": 4.5, "very often": 3.0, "a lot": 4.0, "most of the time": 3.4,
    "mostly": 3.4, "usually": 3.4, "nearly always": 2.6, "almost always": 2.6, "all the time": 0.0, "always": 0.0,
    "constantly": 0.0, "constant": 0.0, "permanently": 0.0, "continuously": 0.0, "continually": 0.0, "steadily": 0.0,
}  # fmt: skip
SOMETIMES_S = FREQUENCIES["sometimes"]
USUAL_S = 9.0  # as the rate of a habit: this is as often as usual

NEGATIONS = (
    "not", "no", "never", "without", "don't", "doesn't", "isn't", "aren't", "won't", "can't", "cannot", "nothing",
    "nor", "neither", "dont", "doesnt", "isnt", "non", "hides the", "not at all", "no longer", "stop", "stops",
    "avoid", "avoids",
)  # fmt: skip

# Words that carry no meaning of their own here.
_FILLERS = """
a act acting acts air all also although always-on am an and any appear appears are as at attitude be because been
behave behaves being both but by can character could currently did do does emotion emotions even expression
expressions eye eyes face facial feel feeling feelings feels felt for from gaze generally get gets give gives giving
had has have having he head her here him his however i if in into is it its just keep keeping keeps kind like look
looked looking looks make makes making manner may me might moment moments mood moods mouth must my now of on one
only or other our overall person please plus put right-now seem seeming seems she should show showing shows smileys
some somehow someone something sort stay stays than that the their them then there these they thing things this
those though time times to today voice was way we were when which while who will with would yet you your
"""
FILLERS = frozenset(_FILLERS.split())
SPLITTERS = frozenset({"and", "but", "while", "yet", "though", "although", "however", "plus", "then"})
