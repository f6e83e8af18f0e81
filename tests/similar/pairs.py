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
When did the Titanic sink? | Do you know when the Titanic did sink?
When was the Eiffel Tower built? | On what date was the Eiffel Tower built?
When does the shop open? | At what time does the shop open?
When is the next full moon? | When's the next full moon?
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
How can I lose weight? | What should I do to lose weight?
How can I be a good geologist? | What should I do to be a good geologist?
What is the best way to lose weight quickly? | How can I lose weight quickly?
How do I learn Python? | What is the best way to learn Python?
What are the best ways to learn English? | How can I learn English?
Why is Trump so popular? | Why is Trump popular?
Why is the USA at war? | Why is the US at war?
What does it feel like to be rich? | What does it really feel like to be rich?
What is the meaning of life? | What is meaning of life?
What is the purpose of life? | What's the purpose of life?
What does "idk" mean? | What is the meaning of "idk"?
How do I make money online? | How can I make money online?
How do I make money online? | How can you make money online?
How should I prepare for an interview? | How do I prepare for interviews?
How do you tie a tie? | How to tie a tie
Is there life after death? | Is there a life after death?
What are the best places to visit in Rome? | Which are the best places to visit in Rome?
What's the best laptop under $1000? | What is the best laptop under $1,000?
In India, what is the best bank? | What is the best bank in India?
How do I recover my deleted photos? | How can I recover deleted photos?
How do I recover my Gmail password? | How can I recover my gmail password?
Can you tell me how far the moon is? | How far is the moon?
Why don't people like me? | Why do people not like me?
What is machine learning? | Could you explain what machine learning is?
What is machine learning? | machine learning?
Who won the 2014 World Cup? | who won the 2014 world cup
How do I stop my dog from barking? | How can I stop my dog from barking?
Where can I watch the match? | Where could I watch the match?
Does aspirin thin the blood? | Does aspirin thin blood?
How many calories are in an apple? | How many calories are there in an apple?
How many moons are there around Mars? | How many moons are around Mars?
How does one become a pilot? | How can I become a pilot?
How do I become an astronaut? | How can I become astronaut?
What should I do if I lose my passport? | What do I do if I lose my passport?
Which is the best phone under 15000? | What is the best phone under 15000?
Which is the best phone? | What's the best phone?
What are some good books on history? | What are good books on history?
What are some tips for interviews? | What are tips for interviews?
What do you think about love? | What do you think of love?
What is your favorite film? | What is your favourite movie?
How do I delete my account? | How can I delete an account?
What are the advantages of solar power? | What are advantages of solar power?
How do I write a resume? | Hello, how can I write a resume?
How do I write a resume? | Show me how to write a resume
What is a black hole? | Could you tell me what a black hole is, please?
What is a black hole? | What exactly is a black hole?
Where is my order? | Can you tell me where my order is?
Why is my order late? | how come my order is late
Can I return a gift? | Could I return a gift, please?
When does the sale start? | At what time does the sale start?
How do I update my address? | What is the right way to update my address?
How do I update my address? | I would like to know how to update my address
Who is the CEO of Apple? | Who's the CEO of Apple?
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
Chi ama i gatti a Roma? | Chi ama i gatti Roma?
Czy to a nie tamto? | Czy to nie tamto?
""")

# They differ in small words, in what a word ends with, or in who does what: pronouns, auxiliaries,
# prepositions, tenses, "who" and "whom", formulas, capitals, words that only look like a plural.
SMALL: Final = _pairs("""
What are you doing? | What do you do?
Do you love me? | Do I love you?
What can I eat? | What should I eat?
Is he coming? | Is she coming?
How do you feel? | How do I feel?
What is the best plan? | What is the best plane?
What is the best car? | What is the best care?
What is marketing? | What is a market?
What is accounting? | What is an account?
What is programming? | What is a program?
What is the mean of this sample? | What is the meaning of this sample?
Who invented the smartphone? | Who invented the telephone?
What is 10⁶? | What is 106?
What is 2*(3+4)? | What is 2*3+4?
What is 5!? | What is 5?
What is .5 of 80? | What is 5 of 80?
Why is he rude to me? | Why is he rude?
What is the best job for me? | What is the best job?
What happened to me? | What happened?
What time is it? | When is it?
Find flights to Rome from Oslo | Find flights from Rome to Oslo
How do I break up with her? | How do I break out with her?
How do I give up? | How do I give in?
How do I work with Google? | How do I work for Google?
What is news? | What is new?
What is economics? | What is economic?
What is the price of Windows? | What is the price of a window?
Has he been president? | Is he president?
Who has been president? | Who is president?
Who had the ball? | Who has the ball?
What are your goals? | What are my goals?
Can you help me? | Can I help you?
Do I need you? | Do you need me?
Why do I hate myself? | Why do you hate yourself?
Why do they hate us? | Why do we hate them?
Will I see him? | Will he see me?
Is this true? | Is that true?
What if I fail? | What do I fail?
Tea and coffee? | Tea or coffee?
Should I take A or B? | Should I take A and B?
Which is better, tea or coffee? | Which is better, coffee or tea, for sleep?
All cats are black? | Some cats are black?
Do all birds fly? | Do any birds fly?
Only I love her | I love only her
Do people only eat meat? | Do only people eat meat?
Few people came? | A few people came?
What causes headaches? | What do headaches cause?
What are the causes of stress? | What are the effects of stress?
What should I eat before a run? | What should I eat after a run?
What should I eat during a run? | What should I eat before a run?
Can I drink milk with antibiotics? | Can I drink milk after antibiotics?
Is it bad to eat at night? | Is it bad to eat in the morning?
How many calories in an apple? | How many calories in a pineapple?
How much does it cost to live in Delhi? | How much does it cost to leave Delhi?
Who is the current president of India? | Who is the president of India?
Who was the first president of India? | Who was the last president of India?
Why does India hate Pakistan? | Why does Pakistan hate India?
Why did Trump win? | Why will Trump win?
How did Trump win? | How can Trump win?
Should Trump win? | Could Trump win?
Is Trump going to win? | Did Trump win?
How do I get a job at Google? | How do I get a job at Google in India?
How do I learn to code? | How do I learn to code for free?
How do I lose weight? | How do I gain weight?
How do I lose 5 kg? | How do I lose 10 kg?
How do I lose weight in a month? | How do I lose weight in a week?
What is the best phone under 15000? | What is the best phone under 20000?
What is the best phone? | What is the best phone to buy for gaming?
What is the best book? | What are the best books?
What is my child's name? | What are my children's names?
Where is this key? | Where are these keys?
Is Python 2 better than 3? | Is Python 3 better than 2?
Is Python better than Ruby? | Is Ruby better than Python?
Is it more dangerous? | Is it less dangerous?
Is she older than him? | Is he older than her?
Is she as old as him? | Is she older than him?
Is it the cheapest? | Is it cheap?
Is it cheaper? | Is it cheap?
Who is richer? | Who is the richest?
How fast is a cheetah? | How fast was a cheetah?
Where do I live? | Where do you live?
Where does he live? | Where did he live?
Why did he leave? | When did he leave?
Who did he leave? | Who left him?
Who loves Mary? | Whom does Mary love?
What eats frogs? | What do frogs eat?
What do snakes eat? | What eats snakes?
Who taught Plato? | Who did Plato teach?
Who was taught by Plato? | Who taught Plato?
What is eaten by frogs? | What eats frogs?
How do I turn the light on? | How do I turn the light off?
How do I polish furniture? | How do I learn Polish furniture?
What is the weather in Turkey? | What is the weather in turkey meat?
How big is Turkey? | How big is a turkey?
Is China fragile? | Is china fragile?
Is it used? | Is it useful?
How is it used? | How is it using?
What does she use? | What does she used to use?
How do I stop thinking? | How do I start thinking?
Can I stop to eat? | Can I stop eating?
Do you remember to lock it? | Do you remember locking it?
Do I have to go? | Do I have a go?
Must I pay? | Do I pay?
Need I pay? | May I pay?
Do I need to pay? | Do I want to pay?
What can't I say? | What can I say?
Why can't I sleep? | Why can I sleep?
Why dont I sleep? | Why do I sleep?
Why am I not happy? | Why am I happy?
Why am I unhappy? | Why am I happy?
Is it legal? | Is it illegal?
Is it possible without a visa? | Is it possible with a visa?
Which people do not like cats but like dogs? | Which people like cats but do not like dogs?
Does not eating meat help? | Does eating meat not help?
What is in the box? | What is on the box?
What is under the box? | What is in the box?
Is the cat on the mat? | Is the mat on the cat?
What is the capital of Georgia the state? | What is the capital of Georgia the country?
What is X+Y? | What is X-Y?
What is x - y? | What is x y?
Blood type O- | Blood type O
Is an A+ good? | Is an A- good?
Is an A good? | Is an A- good?
What is .NET? | What is NET?
What is C? | What is C#?
What is H2O? | What is H2O2?
What is the US? | What is us?
What is IT? | What is it?
What is the temperature in C? | What is the temperature in F?
What is the 2nd law? | What is the 3rd law?
What are the top ten films? | What are the top twenty films?
Translate "I am" | Translate "You are"
What does "on" mean? | What does "off" mean?
Who is Michael Jordan? | Who is Jordan Michael?
Who is the son of David? | Who is David the son of?
What is the name of the father of John? | What is the name of John, the father?
Whose dog bit Anna? | Whose dog did Anna bite?
Did Anna's dog bite Bob? | Did Anna bite Bob's dog?
Anna told Bob that he lost? | Bob told Anna that he lost?
If it rains, do we play? | Do we play if it rains not?
If A then B? | If B then A?
When it rains, should I drive? | When I drive, should it rain?
Is every man mortal? | Is each mortal a man?
Is no man an island? | Is a man no island?
Do you know Python? | What do you know in Python?
Do you know me? | Do I know you?
I want to learn Python | I want to teach Python
I need to understand Python | I like to learn Python
What is the process of photosynthesis? | What is the purpose of photosynthesis?
How is photosynthesis? | What is photosynthesis?
How about lunch? | What about lunch?
What is it about? | What about it?
What do you think of me? | What do I think of you?
Tell me about yourself | Tell me about myself
Tell me your name | Tell me my name
Give me your money | Give you my money
Should I ask him out? | Should I ask him?
Should I ask her out? | Should he ask me out?
Is it up to you? | Is it up to me?
How do I set up a server? | How do I set a server?
How do I log in? | How do I log out?
How do I back up? | How do I back down?
Where can I work from home? | Where can I work at home?
Where are you from? | Where are you?
Where are you going? | Where do you go?
Where did you go? | Where have you gone?
How long have you been there? | How long are you there?
How long will it take? | How long did it take?
How long ago was it? | How long was it?
How often do you run? | How fast do you run?
How much is it? | How is it?
How come he is late? | How is he late?
How far is it from A to B? | How far is it from B to C?
What's the time in London? | What's the time in New York?
What is the difference between a and b? | What is the difference between b and c?
Is A similar to B? | Is A different from B?
What are the pros of X? | What are the cons of X?
What is the best way to sleep? | What is the worst way to sleep?
What is the fastest way to learn? | What is the best way to learn?
What is the easiest way to die? | What is the way to die?
What are the symptoms of a stroke? | What are the causes of a stroke?
Can dogs eat grapes? | Can dogs eat bread?
Can cats eat dog food? | Can dogs eat cat food?
Can a cat eat a dog? | Can a dog eat a cat?
Do men like women? | Do women like men?
Do girls like tall boys? | Do tall girls like boys?
Do rich people marry poor people? | Do poor people marry rich people?
Does red wine go with white meat? | Does white wine go with red meat?
How do you train a dog? | How do you dog a train?
Can an adult adopt an adult child? | Can an adult child adopt an adult?
Does the sun orbit the earth? | Does the earth orbit the sun?
2 apples and 3 pears cost what? | 2 pears and 3 apples cost what?
What is 3 from 5? | What is 5 from 3?
What is 1/2 of 3? | What is 1/3 of 2?
I owe you money, right? | You owe me money, right?
Why would I need that? | Why would you need that?
Why should we care? | Why do we care?
Why do we not care? | Why should we not care?
Does he lie? | Is he lying?
Is he a liar? | Is he a lawyer?
What if everyone died? | What if anyone died?
Did somebody call? | Did everybody call?
Did I call somebody? | Did somebody call me?
What is something I can eat? | What is everything I can eat?
Is half enough? | Is double enough?
Is it once a week? | Is it twice a week?
Is it 5 am? | Is it 5 pm?
Is it 5 miles? | Is it 5 kilometers?
Is he 5 feet tall? | Is he 5 inches tall?
Was it in 2016? | Is it in 2016?
Is it today? | Is it tomorrow?
What happened yesterday? | What happened today?
What is next? | What was next?
Who is next? | Who is last?
Is there a God? | Is God there?
Is there a way out? | Is there a way in?
May I go? | Might I go?
Was I there? | Were you there?
Will he be there? | Would he be there?
Would you go? | Will you go?
Would you date me? | Would I date you?
Is he to blame? | Is he blamed?
Is he blaming? | Is he blamed?
Is it broken? | Is it breaking?
Who is being sued? | Who is suing?
Who sued? | Who was sued?
Who killed? | Who was killed?
Who did Anna kill? | Who killed Anna?
Who killed Anna? | Who was killed by Anna?
What was built by Rome? | What built Rome?
When was Rome built? | When did Rome build?
Are you building? | Are you a building?
What is a meeting? | What is a meet?
What is the setting? | What is the set?
What is the state? | What is the status?
What is a statistic? | What are statistics?
How do I lock a phone? | How do I unlock a phone?
How do I pick a lock? | How do I choose a lock?
How do I write an application? | How do I write an app?
How do I send a mail? | How do I send an email?
How do I remove a file from git? | How do I delete a file from git?
Is a public holiday paid? | Is a public vacation paid?
In which year was he born? | On what date was he born?
Where in India is it? | Where is it in Indian?
Ich liebe dich | Du liebst mich
¿Ama Juan a Ana? | ¿Ama a Juan Ana?
Mach das Licht an | Mach das Licht aus
Ist das Licht an? | Ist das Licht?
Jak dojechać z Krakowa do Warszawy? | Jak dojechać z Warszawy do Krakowa?
What do I do to lose weight? | What do I do to gain weight?
What can I do to help him? | What can he do to help me?
What can you do? | What can I do?
How do I make him love me? | How do I make me love him?
How do I make her my friend? | How do I make my friend her?
How do I tell if he likes me? | How do I tell him I like him?
How do I know if I love him? | How do I know if he loves me?
Which countries border France? | Which countries does France border?
How many states border Texas? | How many states does Texas have?
What is the date of Easter 2020? | What is the date of Easter 2021?
Who sang Yesterday? | Who sang yesterday?
Who is the best player in the world? | Who was the best player in the world?
What should a diabetic eat? | What should a diabetic not eat?
How do I find a job in Canada from India? | How do I find a job in India from Canada?
What are the side effects of taking Xanax? | What are the side effects of not taking Xanax?
How can I improve my English? | How can I improve your English?
Which is the best bank for savings? | Which is the best bank for saving?
Why do we need sleep? | Why do we need to sleep?
What is the biggest country in Africa? | What is the biggest country after Africa?
What is the salary of a teacher? | What is the salary of teachers in India?
Is it safe to travel to Mexico? | Is it safe to travel in Mexico?
What is love for you? | What is love to you?
What do girls think about boys? | What do boys think about girls?
How do boys impress girls? | How do girls impress boys?
How do I become a millionaire? | How do I become a billionaire?
What is the best thing about you? | What is the best thing about me?
What is the best thing to do with you? | What is the best thing to do to you?
Do I look like him? | Does he look like me?
Which army is stronger, India's or Pakistan's? | Which army is stronger, Pakistan's or India's?
How did you meet him? | How did he meet you?
Can we see the wind? | Can the wind see us?
Is time money? | Is money time?
Is Anna Bob's mother? | Is Bob Anna's mother?
How do parents treat children? | How do children treat parents?
Can a man live without water? | Can a man live with water?
How are cars made? | How are cars making?
How are you? | How were you?
How are they? | How is it?
What is a good GRE score? | What is a good GMAT score?
What are good GRE scores? | What is a good GRE school?
Where can I get free books? | Where can I get books for free?
Should I buy an iPhone 6 or 7? | Should I buy an iPhone 7 or 6s?
Should I buy an iPhone or a Galaxy? | Should I sell an iPhone or a Galaxy?
What is after death? | What is before death?
What's new in Java 8? | What's new in Java 9?
Which came first, the chicken or the egg? | Which came last, the chicken or the egg?
How do I open a .rar file? | How do I open a .zip file?
How do I open a .py file? | How do I open a py?
What does ":)" mean? | What does ":(" mean?
What does :) mean? | What does :( mean?
What does ;) mean? | What does :) mean?
What is 50% off $20? | What is 50% of $20?
What is 3 x 4? | What is 3 + 4?
What is 3 × 4? | What is 3 ÷ 4?
Solve x^2 = 4 | Solve x^3 = 4
Solve f(x) = 2 | Solve fx = 2
What is (a+b)c? | What is a+bc?
What is -x? | What is x?
What is a - b? | What is a b?
What is sin x? | What is sin -x?
What is log 10? | What is log -10?
Is 5 > 3? | Is 5 < 3?
Is 5 >= 3? | Is 5 => 3?
What is 1.5 in hours? | What is 15 in hours?
What is 1,5 in hours? | What is 15 in hours?
What is 12:30 in EST? | What is 1230 in EST?
What is 5'6 in cm? | What is 56 in cm?
What is 5' in cm? | What is 5" in cm?
Am I pregnant? | Is she pregnant?
Did my wife cheat on me? | Did I cheat on my wife?
Why did my wife cheat on me? | Why did I cheat on my wife?
How do I forgive my wife? | How do I forgive her?
How do I tell my mom about my dad? | How do I tell my dad about my mom?
How do I get my ex back? | How do I get back at my ex?
How do I get over him? | How do I get him over?
How do I get over it? | How do I get it over?
How do I look up a word? | How do I look a word up?
Who looks after you? | Who do you look after?
Who do I talk to? | Who talks to me?
Who told you? | Who did you tell?
What did you tell her? | What did she tell you?
What makes you happy? | What do you make happy?
What makes you laugh? | What makes me laugh?
What makes him tick? | What made him tick?
What scares people? | What do people scare?
Which team beat Brazil? | Which team did Brazil beat?
Which dog bit the man? | Which dog did the man bite?
Which companies own Google? | Which companies does Google own?
Which companies do own Google? | Which companies does Google own?
Which animals eat lions? | Which animals do lions eat?
How many people did he kill? | How many people killed him?
How many people died? | How many people will die?
How many women like men? | How many men like women?
How many people like it? | How many people do not like it?
How many followers do I have? | How many followers do you have?
Why do people hate? | Why do people hate people?
Why is she with him? | Why is he with her?
Why did she say that? | Why did she say this?
Why would she say it? | Why did she say it?
Why hasn't he called? | Why has he called?
Why wouldn't he call? | Why would he call?
Why can not he call? | Why can he not call?
Why not call him? | Why call him?
Why must he not call? | Why must he call?
What won't he eat? | What will he eat?
What if it isn't him? | What if it is him?
Is anything wrong? | Is everything wrong?
Is it all right? | Is it right?
Is it a right? | Is it right?
Is one enough? | Is the one enough?
What is a second? | What is the second?
What is a third? | What is the third?
Who came second? | Who came in a second?
How long is a quarter? | How long is the quarter?
How old are you? | How old am I?
How old were you? | How old are you?
Are you older than me? | Am I older than you?
What is it made of? | What is made of it?
What is it for? | What is for it?
What are you looking for? | What are you looking at?
What are you up to? | What are you to?
Where did it come from? | Where did it come to?
Where does this bus go to? | Where does this bus come from?
When did it start? | When does it start?
When did it start? | When did it end?
When is it open? | When is it closed?
When does it open? | When did it open?
When can I call? | When should I call?
When do I have to call? | When can I call?
What do I have to do? | What do I have?
What have I done? | What have I to do?
What have you got to do? | What have you got?
What is there to do? | What is there?
What is to be done? | What is done?
What was to be done? | What was done?
Let me know if he comes | Let him know if I come
Tell me when he comes | Tell him when I come
Tell me what he said | Tell him what I said
Remind me to call Anna | Remind Anna to call me
Call me Anna | Call Anna me
Write to me | Write me
Write about me | Write to me
Write a poem by Goethe | Write a poem about Goethe
Write a poem for Anna | Write a poem by Anna
Write a function that returns the index of the max | Write a function that returns the max of the index
Convert this from a list to a set | Convert this to a list from a set
Sort by name, then by age | Sort by age, then by name
Sort a before b | Sort b before a
Sort a, then b | Sort b, then a
Subtract 5 from 10 | Subtract 10 from 5
Divide 10 by 5 | Divide 5 by 10
Multiply 5 by 10 | Divide 5 by 10
Who has more gold than India? | Who has less gold than India?
Who has most gold? | Who has least gold?
Who has the most gold? | Who has more gold?
Is it better with sugar? | Is it best with sugar?
Which is worse? | Which is the worst?
Is it far better? | Is it better?
Is it much too hot? | Is it hot?
Is it too hot? | Is it hot?
Is it hot too? | Is it too hot?
Is it still hot? | Is it hot?
Is it hot yet? | Is it hot?
Is it already hot? | Is it hot?
Is he still here? | Is he already here?
Is he here? | Is he there?
Is he also here? | Is he here?
Is even he here? | Is he even here?
Are both here? | Are all here?
Are either here? | Are neither here?
Do most cats purr? | Do cats purr?
Do many cats purr? | Do cats purr?
Do several cats purr? | Do many cats purr?
Do cats often purr? | Do cats purr?
Do cats usually purr? | Do cats always purr?
Do cats sometimes purr? | Do cats always purr?
What then? | What?
Then what? | So what?
What exactly is it? | What is it exactly like?
Why just him? | Why him?
Why only him? | Why him?
Just one? | One?
How do I feel about my dog? | How do you feel about my dog?
How do I know my dog? | How do you know my dog?
How do I love my dog? | How do you love a dog?
Do you know who I am? | Do you know who you are?
Can you tell me who I am? | Can you tell me who you are?
Tell me who won | Tell me who will win
I wonder if he will come | I wonder when he will come
Do you know if it works? | Do you know why it works?
Please help me understand the law | What is the law?
Explain the law | What is the law?
Describe the law | Explain the law
Is Will Smith rich? | Is Smith rich?
Is May cold? | May it be cold?
Who is Rose? | Who rose?
Is it an apple? | Is it an Apple?
Do you like windows? | Do you like Windows?
What is a bug? | What are the bugs?
Which movie won? | Which movies won?
Who is your friend? | Who are your friends?
Which is my key? | Which are my keys?
What is the first book? | What are the first books?
What is the only way? | What are the only ways?
What is the most popular song? | What are the most popular songs?
What is the smallest country? | What are the smallest countries?
How many eggs does a hen lay? | How many eggs do hens lay a day?
How do I cook an egg? | How do I cook six eggs?
How do I kill a mouse? | How do I kill mice?
Is physics hard? | Is physic hard?
What are the glasses? | What is the glass?
What are arms? | What is an arm?
What do they mean? | What does it mean?
What does mean mean? | What is the mean of mean?
What does he mean? | What is the meaning of him?
What does she mean? | What does he mean?
What does it mean to be free? | What does it mean to be kind?
What is the meaning of this? | What does that mean?
Why did you do it? | Why did you do that?
Why didn't you do it? | Why did you do it?
Why should I not do it? | Why should I do it?
How should I not do it? | How should I do it?
How can I not cry? | How can I cry?
How can't I do it? | How can I do it?
How do I never forget? | How do I forget?
How do I stop him? | How do I stop it?
How do I tell my wife I love her? | How do I tell my wife I love you?
How do I ask my boss for a raise? | How do I ask a boss for a raise for my friend?
How do I pay my brother? | How does my brother pay me?
How does my brother pay? | How do I pay my brother?
At what time does it open? | At what time does it close?
For what reason did he go? | For what reason did he come?
In which place was he? | In which place is he?
Which person is he? | Which person is she?
What's he like? | What does he like?
What is he like? | What does he like?
How's he? | How was he?
Where's he going? | Where's he from?
Who's he? | Whose is he?
Who's there? | Who was there?
When's dinner? | When was dinner?
Please don't stop | Please stop
Please, no meat recipes | Please, meat recipes
Hello, is it me? | Hello, is it you?
Thanks, I am fine | Thanks, am I fine?
I am fine | Am I fine?
You are right | Are you right?
It is raining | Is it raining?
He can swim | Can he swim?
Anna is tall | Is Anna tall?
He will come | Will he come?
They were here | Were they here?
Really? | Actually?
So? | Really?
When did the Titanic sink? | In which year did the Titanic sink?
When is the deadline? | What time is the deadline?
What are some rivers in Peru? | What are the rivers in Peru?
Tell me about the capital of France | Tell me the capital of France
Show me the budget | What is the budget?
I want to know about the moon | I want to know the moon
""")

DIFFERENT: Final = {
    "opposites": OPPOSITES,
    "numbers": NUMBERS,
    "names": NAMES,
    "roles": ROLES,
    "negations": NEGATIONS,
    "scopes": SCOPES,
    "languages": LANGUAGES,
    "small words": SMALL,
}
