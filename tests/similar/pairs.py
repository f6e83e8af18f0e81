"""Pairs of questions, written for these tests: which mean the same, and which only look like it."""

from __future__ import annotations

from typing import Final

Pair = tuple[str, str]


def _pairs(text: str) -> list[Pair]:
    """Return the pairs of a text, one a line."""
    lines = [line.split(" | ") for line in text.strip().splitlines()]
    return [(left, right) for left, right in lines]


# They ask the same thing in other words.
PARAPHRASES: Final = _pairs("""
How do I reset my password? | How can I reset my password?
How do I reset my password? | Please tell me how to reset my password.
How do I reset my password? | What are the steps to reset my password?
How do I reset my password? | what is the best way to reset a password
How do I cancel my subscription? | How can I cancel a subscription?
How do I cancel my subscription? | Could you tell me how to cancel my subscription?
How do I change my email address? | How can I change my e-mail address?
How do I export a report to PDF? | What is the way to export a report to PDF?
How do I install Docker on Ubuntu? | How can I install Docker on Ubuntu?
How do I install Docker on Ubuntu? | Hi, how to install docker on ubuntu?
How do I undo the latest commit in Git? | How can one undo the latest commit in git?
How do I merge two branches in Git? | Please show me how to merge two branches in Git
How do I sort a list in Python? | How to sort a list in Python
How do I sort a list in Python? | How would you sort a list in Python?
How do I read a CSV file with pandas? | What's the best way to read a CSV file with pandas?
How do I center a div? | How can I centre a div?
How do I fix a flat tire? | How can I repair a flat tire?
How do I buy a ticket? | How can I purchase tickets?
How do I write a cover letter? | How should I write a cover letter?
How do I learn the guitar? | What is the best way to learn the guitar?
How do I boil an egg? | How to boil eggs?
How do I cook rice? | how should one cook rice
How do I tie a tie? | How do you tie a tie?
How do I remove a coffee stain? | How can I remove coffee stains?
How do I remove a coffee stain? | How do I get a coffee stain out, please?
How do I start a business in Norway? | How can I start a business in Norway?
How do I open a bank account in Spain? | How does one open a bank account in Spain?
How do I renew my passport? | How can I renew a passport?
How do I apply for a visa to Japan? | How can I apply for a visa to Japan?
How do I speed up my laptop? | How can I speed up a laptop?
What is photosynthesis? | Tell me what photosynthesis is.
What is photosynthesis? | What's photosynthesis?
What is photosynthesis? | can you tell me what photosynthesis is?
What is inflation? | I want to know what inflation is.
What is inflation? | Do you know what inflation is?
What is a circuit breaker in software? | What's a circuit breaker in software?
What is the capital of France? | What's the capital of France?
What is the capital of France? | tell me the capital of France
What is the capital of Australia? | Please, what is the capital of Australia?
What is the boiling point of water? | what's the boiling point of water
What is the population of Brazil? | What's the population of Brazil?
What is the population of Brazil? | I would like to know the population of Brazil
What is the meaning of life? | What's the meaning of life?
What is the speed of light? | Could you tell me what the speed of light is?
What is the largest planet in the solar system? | What's the biggest planet in the solar system?
What is the longest river in Africa? | Which is the longest river in Africa?
What is the difference between TCP and UDP? | What's the difference between TCP and UDP?
What is the difference between TCP and UDP? | Explain the difference between TCP and UDP
What is a good recipe for pancakes? | What's a good recipe for pancakes?
What are the symptoms of the flu? | What are symptoms of flu?
What are the ingredients of hummus? | what are ingredients of hummus?
What are the rules of chess? | Tell me the rules of chess
What are the rules of chess? | What are the rules for chess?
Who invented the telephone? | Who invented the phone?
Who wrote Hamlet? | Do you know who wrote Hamlet?
Who wrote Hamlet? | Which person wrote Hamlet?
Who painted the Mona Lisa? | Tell me who painted the Mona Lisa
Who discovered penicillin? | I wonder who discovered penicillin
Who is the president of Finland? | Who's the president of Finland?
Who is the author of Dune? | Who's the author of Dune?
When did the Titanic sink? | In which year did the Titanic sink?
When did the Titanic sink? | Do you know when the Titanic did sink?
When was the Eiffel Tower built? | On what date was the Eiffel Tower built?
When does the shop open? | At what time does the shop open?
When is the next full moon? | When's the next full moon?
When is the deadline? | What time is the deadline?
Where is Machu Picchu? | Where's Machu Picchu?
Where is Machu Picchu? | In which place is Machu Picchu?
Where is the nearest pharmacy? | Where's the nearest pharmacy?
Where can I buy stamps? | Where can I purchase stamps?
Where do penguins live? | Do you know where penguins live?
Why is the sky blue? | How come the sky is blue?
Why is the sky blue? | What is the reason why the sky is blue?
Why do cats purr? | For what reason do cats purr?
Why is my internet slow? | How come my internet is slow?
Why do leaves change color? | Why do leaves change colour?
Why is the sea salty? | I was wondering why the sea is salty
How many people live in Oslo? | Do you know how many people live in Oslo?
How many legs does a spider have? | How many legs do spiders have?
How many bytes are in a kilobyte? | Please tell me how many bytes are in a kilobyte
How much does a stamp cost? | Tell me how much a stamp does cost
How much water should I drink? | I'd like to know how much water I should drink
How far is the moon? | How far away is the moon?
How old is the universe? | do you know how old the universe is
How long is a marathon? | Tell me how long a marathon is, please
Is coffee healthy? | is coffee healthy
Is a tomato a fruit? | Are tomatoes a fruit?
Is the museum open on Monday? | Is the museum open Monday?
Can dogs eat apples? | Could dogs eat apples?
Can dogs eat apples? | Can a dog eat an apple?
Does vitamin C help with a cold? | Do vitamin C help with colds?
Explain recursion. | Explain recursion to me, please
Explain recursion. | Can you explain recursion?
Explain recursion. | Could you please explain recursion to me?
Explain how a transformer works | Can you explain to me how transformers work?
Describe the water cycle | Can you describe the water cycle to us?
List the planets of the solar system | Please list the planets in the solar system
Give a definition of entropy | Can you give a definition of entropy?
Summarize the plot of Hamlet | Could you summarize the plot of Hamlet?
Translate good morning into Italian | Please translate good morning into Italian
Name three mammals | Can you name three mammals?
Write a haiku on autumn | Could you write a haiku on autumn, please?
Recommend a film for children | Please recommend a movie for kids
Suggest a name for my cat | please suggest a name for a cat
Which foods contain iron? | What foods contain iron?
Which languages are spoken in Belgium? | What languages are spoken in Belgium?
What does HTTP 404 mean? | what does http 404 mean?
What does idempotent mean? | Tell me what idempotent means
What happens when a star dies? | Do you know what happens when a star dies?
""")

# One word was replaced by its opposite.
OPPOSITES: Final = _pairs("""
Turn dark mode on | Turn dark mode off
How do I enable notifications? | How do I disable notifications?
How do I activate roaming? | How do I deactivate roaming?
What should I do before surgery? | What should I do after surgery?
What is the minimum age to drive? | What is the maximum age to drive?
What is the min value of this column? | What is the max value of this column?
Should I buy bonds now? | Should I sell bonds now?
How do I open the valve? | How do I close the valve?
How do I start the server? | How do I stop the server?
How do I increase my heart rate? | How do I decrease my heart rate?
How do I raise the volume? | How do I lower the volume?
How do I add a user? | How do I remove a user?
How do I create a table? | How do I delete a table?
How do I install numpy? | How do I uninstall numpy?
How do I import a database? | How do I export a database?
How do I upload a file? | How do I download a file?
How do I encrypt a disk? | How do I decrypt a disk?
How do I encode a string? | How do I decode a string?
How do I compress a folder? | How do I decompress a folder?
How do I lock a door? | How do I unlock a door?
How do I mute the call? | How do I unmute the call?
How do I show hidden files? | How do I hide hidden files?
How do I allow pop-ups? | How do I block pop-ups?
How do I accept the invitation? | How do I decline the invitation?
How do I approve a request? | How do I reject a request?
How do I connect my headphones? | How do I disconnect my headphones?
How do I subscribe to the list? | How do I unsubscribe from the list?
How do I win at chess? | How do I lose at chess?
Can I lend money to a friend? | Can I borrow money from a friend?
How do I send a fax? | How do I receive a fax?
Coffee with milk | Coffee without milk
What are the best films of the year? | What are the worst films of the year?
Is this a good idea? | Is this a bad idea?
Which is the better phone? | Which is the worse phone?
What is the biggest country? | What is the smallest country?
Is it hot in Cairo? | Is it cold in Cairo?
Which is the fastest train? | Which is the slowest train?
How do I find a cheap hotel? | How do I find an expensive hotel?
Is Dutch easy to learn? | Is Dutch difficult to learn?
Is this mushroom safe to eat? | Is this mushroom dangerous to eat?
Is it legal to fish here? | Is it illegal to fish here?
Is the statement true? | Is the statement false?
What is a public key? | What is a private key?
What is the input of this function? | What is the output of this function?
What is an upper bound? | What is a lower bound?
What are the advantages of nuclear power? | What are the disadvantages of nuclear power?
What are the pros of remote work? | What are the cons of remote work?
What are the benefits of fasting? | What are the risks of fasting?
What are the causes of inflation? | What are the effects of inflation?
What are her strengths? | What are her weaknesses?
How did we make a profit? | How did we make a loss?
When does the flight arrive? | When does the flight depart?
How do I log in? Where is login? | How do I log out? Where is logout?
Sort the rows in ascending order | Sort the rows in descending order
Draw a horizontal line | Draw a vertical line
Swap two rows | Swap two columns
How does a server find a client? Start a server. | How does a server find a client? Start a client.
How do I write a file? | How do I read a file?
Is this synchronous? | Is this asynchronous?
Is a tuple mutable? | Is a tuple immutable?
What is a local variable? | What is a global variable?
What will happen if the test passes? | What will happen if the test fails?
Is the patient alive? | Is the patient dead?
How do I deposit money? | How do I withdraw money?
Is the market bullish? | Is the market bearish?
Including tax, what do I owe? | Excluding tax, what do I owe?
Is the field optional? | Is the field required?
How do I expand the sidebar? | How do I collapse the sidebar?
""")

# A number, a unit or a date is another one.
NUMBERS: Final = _pairs("""
Convert 5 km to miles | Convert 50 km to miles
Convert 5 km to miles | Convert 5 m to miles
What is 12 times 12? | What is 12 times 13?
What is 15% of 80? | What is 15% of 90?
What is 15% of 80? | What is 25% of 80?
What is the square root of 144? | What is the square root of 169?
How much is $100 in euros? | How much is €100 in euros?
How much is $100 in euros? | How much is $1,000 in euros?
What happened in 1969? | What happened in 1968?
Who won the World Cup in 2014? | Who won the World Cup in 2018?
Who won the World Cup in 2014? | Who won the World Cup in 2010?
Weather on May 5 | Weather on May 6
Is the shop open on 24 December? | Is the shop open on 25 December?
Is the shop open on Monday? | Is the shop open on Sunday?
Is the shop open in January? | Is the shop open in July?
Meet me at 3 pm, is that fine? | Meet me at 4 pm, is that fine?
Set a timer for 10 minutes | Set a timer for 10 hours
Set a timer for 10 minutes | Set a timer for 15 minutes
Can a 5 year old have ibuprofen? | Can a 15 year old have ibuprofen?
Can I take 200 mg of ibuprofen? | Can I take 2000 mg of ibuprofen?
How do I upgrade to Python 3.10? | How do I upgrade to Python 3.11?
What is new in version 2.0? | What is new in version 2.1?
What does error 404 mean? | What does error 403 mean?
What does port 80 do? | What does port 443 do?
Name three mammals | Name four mammals
Give me two examples of irony | Give me five examples of irony
What is the first law of thermodynamics? | What is the second law of thermodynamics?
What is the third amendment? | What is the fourth amendment?
Who was the 16th president? | Who was the 17th president?
Translate chapter 3 | Translate chapter 4
Explain article 5 of the treaty | Explain article 6 of the treaty
How many days are in 3 weeks? | How many days are in 4 weeks?
What is 7 factorial? | What is 8 factorial?
What is 0.1 plus 0.2? | What is 0.1 plus 0.3?
What is -5 plus 3? | What is 5 plus 3?
What is 10 divided by 2? | What is 2 divided by 10?
Cook rice for two people | Cook rice for six people
A loan of 10,000 at 3% | A loan of 10,000 at 4%
A loan of 10,000 at 3% | A loan of 100,000 at 3%
What is 2^10? | What is 2^11?
Recipe for 500 g of flour | Recipe for 300 g of flour
How hot is 100 °C in Fahrenheit? | How hot is 200 °C in Fahrenheit?
Is 97 a prime number? | Is 91 a prime number?
List the top 10 songs of 1985 | List the top 10 songs of 1986
List the top 10 songs of 1985 | List the top 5 songs of 1985
Is a 2015 car worth it? | Is a 2019 car worth it?
How tall is 180 cm in feet? | How tall is 170 cm in feet?
What is half of 90? | What is double of 90?
What did they say on 2024-05-01? | What did they say on 2024-05-02?
What is the 100th digit of pi? | What is the 101st digit of pi?
""")

# A name, an identifier, an address or a quotation is another one.
NAMES: Final = _pairs("""
What is the capital of France? | What is the capital of Germany?
What is the capital of Austria? | What is the capital of Australia?
Who is the president of France? | Who is the president of Brazil?
what is the capital of france | what is the capital of spain
How many people live in Oslo? | How many people live in Bergen?
What is the weather in Paris? | What is the weather in London?
Who wrote Hamlet? | Who wrote Macbeth?
Who wrote War and Peace? | Who wrote Crime and Punishment?
Who painted the Mona Lisa? | Who painted the Night Watch?
When did Einstein die? | When did Newton die?
When was Ada Lovelace born? | When was Grace Hopper born?
How tall is Messi? | How tall is Ronaldo?
How do I install Docker on Ubuntu? | How do I install Docker on Fedora?
How do I install Docker on Ubuntu? | How do I install Podman on Ubuntu?
How do I sort a list in Python? | How do I sort a list in Java?
How do I sort a list in Java? | How do I sort a list in JavaScript?
How do I write a loop in C? | How do I write a loop in C++?
How do I write a loop in C++? | How do I write a loop in C#?
What is the salary at Google? | What is the salary at Amazon?
What is Amazon S3? | What is Amazon EC2?
What is the price of Bitcoin? | What is the price of Ethereum?
What is the share price of AAPL? | What is the share price of MSFT?
How do I use `git reset`? | How do I use `git revert`?
How do I use `git stash pop`? | How do I use `git stash drop`?
What does "carpe diem" mean? | What does "memento mori" mean?
Spell the word "accept" | Spell the word "except"
What does os.path.join do? | What does os.path.split do?
What does foo_bar return? | What does foo_baz return?
What does parseInt() do? | What does parseFloat() do?
What does the -r flag do? | What does the -f flag do?
Summarize https://example.org/a | Summarize https://example.org/b
Write to ann@example.org about lunch | Write to bob@example.org about lunch
Where is /etc/hosts? | Where is /etc/passwd?
Is Anna older than me? | Is Maria older than me?
Tell me about Henry the Great | Tell me about Peter the Great
What is the currency of Sweden? | What is the currency of Denmark?
What language do they speak in Peru? | What language do they speak in Brazil?
Translate hello into French | Translate hello into German
Answer in Spanish: what is water? | Answer in English: what is water?
What is the CPU of this machine? | What is the GPU of this machine?
What is RAM? | What is ROM?
What is TCP? | What is UDP?
What is the WHO? | Who is it?
Does Tesla make trucks? | Does Toyota make trucks?
Is Mars bigger than the moon? | Is Venus bigger than the moon?
Recommend a hotel in Rome | Recommend a hotel in Milan
What is the recipe for borscht? | What is the recipe for goulash?
Is aspirin good for headaches? | Is ibuprofen good for headaches?
Are bananas rich in iron? | Are spinach leaves rich in iron?
Is my dog allowed in the park? | Is my cat allowed in the park?
Who is the CEO of IBM? | Who is the CFO of IBM?
What does AWS cost? | What does GCP cost?
""")

# The same words in other roles.
ROLES: Final = _pairs("""
Who wins if India beats Pakistan? | Who wins if Pakistan beats India?
Is Norway bigger than Sweden? | Is Sweden bigger than Norway?
Convert Celsius to Fahrenheit | Convert Fahrenheit to Celsius
convert celsius to fahrenheit | convert fahrenheit to celsius
Find flights from Oslo to Rome | Find flights from Rome to Oslo
How do I migrate from MySQL to Postgres? | How do I migrate from Postgres to MySQL?
Translate from English to German | Translate from German to English
Does the dog chase the cat? | Does the cat chase the dog?
Did Brutus kill Caesar? | Did Caesar kill Brutus?
Is Anna taller than Bob? | Is Bob taller than Anna?
Did Anna pay Bob? | Did Bob pay Anna?
Is tea better than coffee? | Is coffee better than tea?
How do I convert JSON to XML? | How do I convert XML to JSON?
How do I convert PDF to Word? | How do I convert Word to PDF?
How do I convert dollars to euros? | How do I convert euros to dollars?
How many ounces go into a pound? | How many pounds go into an ounce?
Why did Rome conquer Greece? | Why did Greece conquer Rome?
Why do landlords sue tenants? | Why do tenants sue landlords?
Can a child adopt a parent's name? | Can a parent adopt a child's name?
Is the moon larger than Pluto? | Is Pluto larger than the moon?
Do bees eat wasps? | Do wasps eat bees?
Does inflation cause unemployment? | Does unemployment cause inflation?
Does stress lead to insomnia? | Does insomnia lead to stress?
Should the teacher thank the pupil? | Should the pupil thank the teacher?
Does A imply B? | Does B imply A?
Copy table a into table b | Copy table b into table a
Divide apples by pears | Divide pears by apples
Subtract tax from income | Subtract income from tax
Is gold heavier than lead? | Is lead heavier than gold?
Does Java inherit from C? | Does C inherit from Java?
Move files from Drive to Dropbox | Move files from Dropbox to Drive
Wash before drying or dry before washing: washing before drying | Wash before drying or dry before washing: drying before washing
Did the police call the bank? | Did the bank call the police?
Does Real play against Barca at home? | Does Barca play against Real at home?
Which is faster, a lion chasing a horse? | Which is faster, a horse chasing a lion?
Replace tabs with spaces | Replace spaces with tabs
Man bites dog | Dog bites man
Who owes whom: Tom owes Ben | Who owes whom: Ben owes Tom
Rename old.txt to new.txt | Rename new.txt to old.txt
Is p greater than q? | Is q greater than p?
""")

# One of the two says the opposite by a negation.
NEGATIONS: Final = _pairs("""
Can I eat raw eggs? | Can't I eat raw eggs?
Is it safe to drink the water? | Is it not safe to drink the water?
Which foods contain gluten? | Which foods do not contain gluten?
Which foods contain gluten? | Which foods contain no gluten?
Why does my code compile? | Why doesn't my code compile?
Why is it working? | Why isn't it working?
Which countries are in the EU? | Which countries aren't in the EU?
Should I use goto? | Should I never use goto?
Who voted for the law? | Who didn't vote for the law?
What should I do at an interview? | What should I not do at an interview?
Do I need a visa? | Don't I need a visa?
What can I recycle? | What can't I recycle?
Which birds can fly? | Which birds cannot fly?
Which metals are magnetic? | Which metals are not magnetic?
Is it allowed to park here? | Is it not allowed to park here?
Which vaccines are required? | Which vaccines are not required?
Why would anyone buy this? | Why would nobody buy this?
Can I travel with a passport? | Can I travel without a passport?
Send the report to all users | Send the report to all users except admins
Do the dishes unless it is late | Do the dishes if it is late
Which employees have access? | Which employees have no access?
What happens if I pay? | What happens if I don't pay?
What happens if I pay? | What happens if I never pay?
Is this number prime? | Is this number not prime?
Were they at home? | Weren't they at home?
Would you recommend it? | Wouldn't you recommend it?
Have they arrived? | Haven't they arrived?
Has it rained? | Hasn't it rained?
Will it work offline? | Won't it work offline?
Could it be cancer? | Couldn't it be cancer?
Must I file taxes? | Must I not file taxes?
Which planets have moons? | Which planets have neither moons nor rings?
How do I fail? | How do I avoid failing?
Is everything included? | Is nothing included?
Which users are active? | Which users are not active?
Can vegans eat honey? | Can vegans not eat honey?
Are tomatoes vegetables? | Aren't tomatoes vegetables?
Does he like her? | Doesn't he like her?
Is there a risk? | Is there no risk?
Who has paid? | Who has not paid?
""")

# One of the two asks for more, for less, or for something beside it.
SCOPES: Final = _pairs("""
What is the best laptop? | What is the best cheap laptop?
How do I reset my password? | How do I reset my Gmail password?
How do I reset my password? | How do I reset my password on the phone?
What is my name? | What is your name?
What is my balance? | What is their balance?
List all users | List only active users
List all users | List some users
Who is the president? | Who was the president?
What will the weather be? | What was the weather?
When did Einstein die? | Where did Einstein die?
How did Einstein die? | Why did Einstein die?
Who killed Caesar? | Why did they kill Caesar?
How many dogs does he have? | How many dogs does she have?
How much sugar is in it? | How many sugars are in it?
How long is the bridge? | How old is the bridge?
How far is Oslo? | How big is Oslo?
Should I take aspirin? | Can I take aspirin?
Is it raining? | Will it rain?
Explain recursion | Explain recursion to a child
Explain recursion | Explain mutual recursion
Write a poem on love | Write a short poem on love
Write a poem on love | Write a letter on love
Summarize the text | Summarize the text in French
Summarize the text | Translate the text
Which films did he direct? | Which films did he produce?
What are the symptoms of diabetes? | What are the early symptoms of diabetes?
What are the symptoms of diabetes? | What are the causes of diabetes?
What are the side effects of aspirin? | What are the effects of aspirin?
How do I learn Python? | How do I learn Python quickly for free?
How do I learn Python? | Why do I learn Python?
What does it cost per month? | What does it cost per year?
Where can I eat in Rome? | What can I eat in Rome?
Recommend a book | Recommend a book for children
Recommend a restaurant nearby | Recommend a vegan restaurant nearby
How do I cook rice? | How do I cook brown rice?
How do I cook rice? | How do I store rice?
What is the population of New York? | What is the population of New York state?
What is the tallest building? | What is the tallest building in Europe?
Is milk healthy? | Is oat milk healthy?
Is coffee good for me? | Is coffee good for children?
Compare the two phones | Compare the two phones by price
Fix the bug | Explain the bug
Is he married? | Is she married?
What do cats eat? | What do wild cats eat?
Show me the code | Show me the code with comments
""")

# Another language, or a language that the gate has no tables for.
LANGUAGES: Final = _pairs("""
What is the capital of France? | Was ist die Hauptstadt von Frankreich?
How do I reset my password? | ¿Cómo restablezco mi contraseña?
Who wrote Hamlet? | Qui a écrit Hamlet ?
Was ist die Hauptstadt von Frankreich? | Was ist die Hauptstadt von Spanien?
Wie öffne ich das Fenster? | Wie schließe ich das Fenster?
Ist der Hund größer als die Katze? | Ist die Katze größer als der Hund?
Beißt der Hund den Mann? | Beißt den Hund der Mann?
Darf ich hier parken? | Darf ich hier nicht parken?
¿Dónde está la biblioteca? | ¿Dónde está la farmacia?
¿Puedo comer huevos crudos? | ¿No puedo comer huevos crudos?
Quelle est la capitale de la France ? | Quelle est la capitale de l'Italie ?
Comment activer le mode sombre ? | Comment désactiver le mode sombre ?
Qual è la capitale della Francia? | Qual è la capitale della Spagna?
フランスの首都はどこですか | ドイツの首都はどこですか
法国的首都是哪里 | 德国的首都是哪里
如何打开窗户 | 如何关闭窗户
Какая столица Франции? | Какая столица Германии?
Как открыть окно? | Как закрыть окно?
Hva er hovedstaden i Frankrike? | Hva er hovedstaden i Spania?
Jak otevřít okno? | Jak zavřít okno?
""")

DIFFERENT: Final = {
    "opposites": OPPOSITES,
    "numbers": NUMBERS,
    "names": NAMES,
    "roles": ROLES,
    "negations": NEGATIONS,
    "scopes": SCOPES,
    "languages": LANGUAGES,
}
