/**
 * Words that say nothing about what a customer wants, per language. Question words (where, when, how much) are not
 * among them: "where is my order" and "cancel my order" differ in nothing else.
 */
export const stopWords: Readonly<Record<string, ReadonlySet<string>>> = {
  en: list(`a about after all also am an and any are as at be because been before being but by can cannot could customer customers dear did do
    does doing done don't even for from get got had has have having he hello her here hey hi him his i i'd i'll i'm
    i've if in into is isn't it it's its just kind know let like may me might more most much my need no nor not now of
    off on once one only or other our out over please regards same say see she should so some still such team support than
    thank thanks that that's the their them then there these they this those though through to too under until up upon
    us very want wanted was we well were what which while who whom will with within without would yes yet you your`),
  ru: list(`а без бы был была были было быть в вам вами вас ваш ваша ваше вашего ваши вашу во вот все всё всего всем
    вы где-то да даже для до добрый день его ее её если есть еще ещё же за здравствуйте здесь и из или им их к каждый
    какая какой какие ко которая которое которые который ли либо мне меня мной мог могу можем можно может мой моя моё мое
    мои моего моей моем моём мою моих мы на над надо нам нас наш не него нее неё нет ни ним них но ну нужно о об однако он
    она они оно от очень по под пожалуйста помогите подскажите после потом почти при привет про просто с сам себя сейчас
    скажите со спасибо так также такой там то того тоже той только том ту тут ты у уже уважаемые утро хотел хотела
    хотелось хочу чего чем что чтобы чьё эта эти это этого этой этом этот эту я являюсь`),
  de: list(`aber alle allem allen aller alles als also am an ander andere anderen auch auf aus bei bin bis bist bitte da
    damit danke dann das dass dein deine dem den denn der des dich die dies diese diesem diesen dieser dieses dir doch
    dort du durch ein eine einem einen einer eines er es etwas euch euer für freundlichen gegen geehrte gerne grüßen
    grüße guten gibt habe haben hallo hat hatte hatten herren damen hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren
    ihrer im in ins ist ja jede jeder jedes jetzt kann kannst können könnte konnte liebe man mein meine meinem meinen
    meiner meines mich mir mit möchte muss müssen nach nicht nichts noch nun nur ob oder ohne sehr sein seine seit sich sie
    sind so soll sollte sondern sonst tag team über um und uns unser unsere unter vielen viele vom von vor war waren warum
    weil welche welcher wenn werde werden will wir wird wurde würde zu zum zur zwar zwischen`),
  es: list(`a al algo algunos ante antes como con contra de del desde e el ella ellos en entre era es esa ese eso esta
    está están este esto estos estoy favor fue gracias ha había han hasta hay he hola la las le les lo los me mi mis mucho
    muy más ni no nos nosotros o os otra otro para pero poco por porque puede puedo pueden que quiero quisiera saludos se
    sea ser si sido sin sobre son soy su sus sí también tengo tiene todo todos tu tus un una uno unos usted ustedes y ya yo
    buenos días buenas tardes`),
  fr: list(`a ai au aux avec avez avoir bonjour c ce cela ces cette ceux comme d dans de des donc du elle en est et eu été
    être faire fait il ils j je l la le les leur leurs lui m ma mais me merci mes moi mon même n ne nos notre nous on ont
    ou par pas peut peux plus pour pouvez puis qu que qui s sa salut sans se ses si son sont suis sur svp plaît t ta te
    tes toi ton tous tout très tu un une veux voudrais vos votre vous y à cordialement madame monsieur`),
  pt: list(`a ao aos as até boa bom com como da das de dela dele depois dia do dos e ela ele eles em entre era essa esse
    esta está estão este eu favor foi foram gostaria há isso isto já lhe mais mas me mesmo meu meus minha minhas muito na
    nas não nem no nos nossa nosso num numa o obrigada obrigado olá os ou para pela pelo pode posso podem por porque qual
    que quero se sem ser seu seus sua suas são só também te tem tenho tarde todo todos tu um uma você vocês à às é`),
  it: list(`a ad ai al alla alle anche avere c che chi ci ciao come con da dal dalla dei del della delle di e è ed era gli
    grazie ha ho hanno i il in io l la le lo loro ma mi mia mie miei mio molto ne nei nel nella no noi non o per perché
    piú più può posso prego quello questo se sei si sia sono su sua suo sul sulla ti tra tu un una uno vi voi vorrei
    buongiorno salve`),
  nl: list(`aan al alles als ben bij daar dan dat de der deze die dit door dus een en er ge geen graag haar had heb hebben
    heeft hem hallo het hier hij hoi hun ik in is ja je jij jullie kan kon kunnen maar me meer met mij mijn na naar niet nog
    nu of om omdat ons onze ook op over te tot u uit uw van veel voor was wat we wel wij wil worden wordt zal ze zich
    zijn zo zonder zou`),
};

function list(words: string): ReadonlySet<string> {
  return new Set(words.split(/\s+/));
}
