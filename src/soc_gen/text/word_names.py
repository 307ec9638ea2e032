"""Names that are also words, in the form of ``normalize.fold``.

``will: be there`` and ``monday: dentist`` are messages, even if somebody has that name; such a name is a
label only in a chat that uses labels.
"""

from __future__ import annotations

_TIME = """
    monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun
    january february march april may june july august september october november december jan feb mar apr
    jun jul aug sep sept oct nov dec spring summer autumn fall winter season morning noon afternoon
    evening night midnight dawn dusk day week weekend month year today tomorrow yesterday tonight now
    later soon never always early late first second third last next eve christmas easter halloween montag
    dienstag mittwoch donnerstag freitag samstag sonntag januar februar marz juni juli oktober dezember
    heute morgen gestern abend lundi mardi mercredi jeudi vendredi samedi dimanche janvier fevrier avril
    juin juillet aout lunes martes miercoles jueves viernes sabado domingo enero febrero marzo abril mayo
    junio julio agosto lunedi martedi mercoledi giovedi venerdi segunda terca quarta quinta sexta maandag
    dinsdag woensdag donderdag vrijdag zaterdag zondag hoy manana ayer oggi domani ieri demain hier
"""
_COLOURS = """
    red orange yellow green blue indigo violet purple pink brown black white grey gray silver gold golden
    teal cyan magenta scarlet crimson ruby amber jade ivory ebony coral rose lavender lilac hazel auburn
    ginger sandy rusty rusti navy turquoise emerald sapphire pearl opal topaz diamond garnet onyx rot blau
    grun gelb schwarz weiss braun rojo azul verde amarillo negro blanco rouge bleu vert jaune noir blanc
    rosso giallo nero bianco
"""
_GIVEN_NAMES = """
    grace mark will bill rob robin pat drew art bud buddy chip dash skip trip rich frank ernest guy dick
    dot penny candy honey melody harmony charity patience prudence constance destiny trinity hope faith
    joy bliss angel crystal star sunny rain storm sky skye wolf jay chase hunter mason carter cooper
    parker baker miles major prince king queen duke earl baron dean pierce lance wade grant ward rowan
    laurel fern heather clover poppy holly ivy lily daisy iris olive basil sage reed cliff forest river
    brook brooke heath stone flint clay rock ridge lane park hill wood woods field fields marsh banks bush
    ford brooks rivers lake pond bay shore beach island ocean sea wave misty stormy windy tempest sue peg
    kit tad tag tab rod rex ram van colt cash cal case gage heck hale jet juno knight lark leaf linen lion
    love lucky luck mace mercy merit merry mica moss noble pace page paris pax porter price quill ranger
    raven reign rhyme roman royal saint scout shade shy sterling temple tiger true truth verity viola zen
    ace archer bishop bear blaze brave cloud cricket dove echo ember fable falcon finch fisher fox frost
    garden genesis hawk haven heaven hero honor honour jazz journey jewel justice kitty legend liberty
    magnolia marvel maverick memory miller nova oak orion peace peach petal phoenix pilot pine poet potter
    pepper quest rainbow reef remedy rio sailor shepherd smith snow sonnet soul sparrow swan sweet thunder
    tulip velvet venus vesper victory vine wren willow wilder winner wonder world young gardener cook chef
    butler clark sawyer turner tanner walker weaver wheeler wright marshal marshall luz sol cielo paz amor
    drake eden ever iron magic manual mat mick miss otter pan pearce pop rand ringo shad spike stew
    sunshine tat tuck ty vale webb west north south east york
"""
# Usernames may be any word; these are often followed by colons and dashes.
_THINGS = """
    apple banana cherry lemon lime mango melon pear plum berry grape fig date nut almond peanut bean beans
    rice bread butter cheese cream milk egg eggs meat ham bacon beef pork lamb chicken fish tuna salmon
    shrimp soup salad pasta pizza pie cake cookie cookies biscuit chocolate sugar salt spice jam tea
    coffee espresso latte mocha juice water wine beer vodka whisky whiskey rum gin drinks snacks food
    breakfast brunch lunch dinner supper dessert taco burger noodle noodles dumpling cat cats dog dogs
    puppy kitten bird birds horse pony cow pig sheep goat mouse rat rabbit bunny panda koala monkey frog
    toad snake turtle owl eagle crow duck goose bee ant spider moth bug worm shark whale dolphin seal moon
    stars clouds ice fire wind lightning fog mist earth mountain valley desert tree trees flower flowers
    grass house home room kitchen bath bathroom bedroom bed door window wall floor roof garage shed yard
    street road bridge tower castle church school office shop store market station airport hotel bar cafe
    pub car bus train tram bike boat ship plane taxi truck ticket tickets keys key phone laptop computer
    camera book books paper pen pencil bag box bottle cup glass plate plates knife fork spoon chair table
    lamp light lights candle candles clock watch ring hat coat shirt shoes boots socks dress money prices
    cost costs total sum change tip rent tax fee deposit budget score goal goals game games team match win
    loss draw points level round rank half music song songs movie film show radio news weather temperature
    time place address where name names number numbers email mail password login code link file files
    photo photos picture video size colour color shape type model version status state result results
    answer answers question questions problem problems solution idea ideas plan plans task tasks todo list
    lists item items note notes topic subject title summary intro outro end ending start beginning middle
    top bottom left right front back side inside outside warning danger alert error caution spoiler
    spoilers disclaimer reminder rule rules tips trick pros cons pro con plus minus bonus extra fact facts
    lie lies joke secret gossip rumour rumor story moral verdict conclusion opinion mood vibe vibes dream
    dreams hopes wish wishes hate life death work job boss mom mum mother dad father sister brother son
    daughter baby boy girl man woman men women kid kids child children friend friends wife husband uncle
    aunt grandma grandpa neighbour neighbor doctor dentist nurse teacher driver captain princess devil
    ghost witch wizard dragon pirate ninja robot alien zombie monster health fever dose pills meds sleep
    gym run walk yoga swim laundry dishes shopping groceries cleaning parking delivery order orders sizes
    height weight length width age distance speed power battery volume brightness sound noise silence
    sport sports football tennis chess golf poker dance party wedding birthday holiday vacation travel
    pool sauna concert exam test homework class lesson happy sad angry tired hungry bored lonely lazy
    crazy funny silly serious calm chill cool hot cold warm dry wet big small tiny huge long short tall
    old new fast slow hard easy good bad best worst better worse great fine nice bitter sour salty dark
    bright loud quiet sick false maybe alive dead gone free full empty open closed busy ready sorry nobody
    somebody anybody everybody everyone someone anyone nothing something anything everything one two three
    four five six seven eight nine ten zero dozen hundred thousand million maximum min minimum limit
    average wait stop go stay look listen think guess bet see say ask tell try use call text read write
    eat drink buy sell pay send bring take give help need want hello bye thanks please
"""
WORD_NAMES = frozenset(f"{_TIME} {_COLOURS} {_GIVEN_NAMES} {_THINGS}".split())
"""The names. Not those that are hardly used as words: Max, Victor, Linda."""
