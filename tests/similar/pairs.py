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
How do I reset my router? | How can I reset my router?
How do I reset my router? | What's the best way to reset a router?
How can I lose weight? | What is the best way to lose weight?
How can I lose weight? | how to lose weight
How can I lose weight? | What are some ways to lose weight?
What is machine learning? | What's machine learning?
What is machine learning? | whats machine learning
What is machine learning? | Can you explain what machine learning is?
What is machine learning? | Explain machine learning.
What is machine learning? | Define machine learning
What is machine learning? | what do you mean by machine learning
What is the capital of France? | What's France's capital?
What is the capital of France? | capital of france
What is the capital of France? | Which city is the capital of France?
What is the capital of France? | what is the capital city of France
How old is the Earth? | What is the age of the Earth?
How tall is Mount Everest? | What is the height of Mount Everest?
How far is the Moon? | What is the distance to the Moon?
How much does it cost to build a house? | What does it cost to build a house?
How much does it cost to build a house? | What is the cost of building a house?
How many people live in Japan? | What is the population of Japan?
Who wrote Hamlet? | Who is the author of Hamlet?
Who wrote Hamlet? | Who was Hamlet written by?
Who invented the telephone? | Who was the inventor of the telephone?
When was Google founded? | In what year was Google founded?
When was Einstein born? | What is Einstein's date of birth?
Where was Einstein born? | What is Einstein's birthplace?
Why is the sky blue? | why is sky blue
Why is the sky blue? | What is the reason the sky is blue?
Why is the sky blue? | What makes the sky blue?
Why do cats purr? | What makes cats purr?
Why do cats purr? | What is the reason cats purr?
What are the symptoms of diabetes? | What are symptoms of diabetes?
What are the symptoms of diabetes? | diabetes symptoms
What are the symptoms of diabetes? | What are the signs of diabetes?
What are the benefits of yoga? | What are the advantages of yoga?
What are the benefits of yoga? | benefits of yoga
What is the difference between a virus and bacteria? | What's the difference between bacteria and a virus?
What is the difference between TCP and UDP? | How do TCP and UDP differ?
What is the difference between TCP and UDP? | TCP vs UDP
What is the difference between TCP and UDP? | difference between udp and tcp
How do I delete my Facebook account? | How can I delete my facebook account?
How do I delete my Facebook account? | Can you tell me how to delete my Facebook account?
How do I delete my Facebook account? | I want to delete my Facebook account. How do I do that?
How do I delete my Facebook account? | What is the process to delete my Facebook account?
How do I delete my Facebook account? | How should I delete my Facebook account?
How do I delete my Facebook account? | How do I permanently delete my Facebook account?
How do I learn Python? | How can I learn python programming?
How do I learn Python? | How do you learn Python?
How do I learn Python? | how should i learn python
How do I start learning guitar? | How can I start to learn guitar?
How do I boil an egg? | How do you boil eggs?
How do I boil an egg? | how to boil eggs
How long does it take to boil an egg? | How long should I boil an egg?
How do I install Python 3.11 on Windows? | How to install python 3.11 on windows?
How do I install Python 3.11 on Windows? | Please show me how to install Python 3.11 on Windows
How do I read a file in Go? | How can I read a file in Go?
How do I reverse a string in JavaScript? | Reverse a string in JavaScript
How do I reverse a string in JavaScript? | How would you reverse a string in JavaScript?
How do I list files in Linux? | How do you list files in linux
How do I create a branch in git? | How to create a new branch in git?
What does HTTP 404 mean? | What is the meaning of HTTP 404?
What does HTTP stand for? | What is the full form of HTTP?
What does carpe diem mean? | What is the meaning of carpe diem?
What is your refund policy? | What's your refund policy?
What is your refund policy? | Can you tell me your refund policy?
What is your refund policy? | Could you please tell me about your refund policy?
What are your opening hours? | What are your opening times?
When do you open? | At what time do you open?
When do you open? | What time do you open?
Do you ship to Canada? | do you ship to canada
Do you ship to Canada? | Hi, do you ship to Canada?
Do you ship to Canada? | Can you ship to Canada?
Where is my order? | Hello, where is my order?
Where is my order? | Where's my order?
How do I track my order? | How can I track my order please?
How do I track my order? | I'd like to track my order
How do I contact support? | How can I contact support?
How do I contact support? | How do I get in touch with support?
Can I change my flight? | Is it possible to change my flight?
Can I change my flight? | Am I able to change my flight?
Can dogs eat chocolate? | Can a dog eat chocolate?
Can dogs eat chocolate? | Is it safe for dogs to eat chocolate?
Can you recommend a book? | Could you recommend a book?
What is the best laptop for students? | Which laptop is best for students?
What is the best laptop for students? | Which is the best laptop for students?
What are the best movies of 2019? | Which are the best movies of 2019?
What are the best movies of 2019? | Which movies are the best of 2019?
What are some good books? | What are good books?
What are some good books? | Which are some good books?
What is inflation? | what is meant by inflation?
What is inflation? | Please explain inflation
What causes inflation? | What are the causes of inflation?
What causes earthquakes? | What is the cause of earthquakes?
How does photosynthesis work? | Explain how photosynthesis works
How does photosynthesis work? | How does the process of photosynthesis work?
How do vaccines work? | Can you explain how vaccines work?
How do I tie a tie? | What are the steps to tie a tie?
How do I cook rice? | What is the right way to cook rice?
How can I earn money online? | How do I make money online?
How can I earn money online? | How can I make money on the internet?
How can I improve my English? | How do I improve my English?
How can I improve my English? | What can I do to improve my English?
How can I improve my English? | How could I improve my English?
How do I stop snoring? | How can I stop snoring?
How do I get over a breakup? | How can I get over a break up?
Is it safe to eat raw eggs? | Is eating raw eggs safe?
Is it hard to learn Chinese? | Is learning Chinese hard?
Is Chinese hard to learn? | Is Chinese difficult to learn?
Should I learn Java or Python? | Should I learn Python or Java?
Which is better, Java or Python? | Which is better: Python or Java?
What's 15% of 80? | What is 15 % of 80?
What's 15% of 80? | What is 15 percent of 80?
What is 5 km in miles? | How many miles is 5 km?
What is 2 + 2? | What is 2+2?
What is 12 x 12? | What's 12 x 12?
Summarize the plot of Dune. | Please summarize the plot of Dune
Summarize the plot of Dune. | Can you summarize the plot of Dune?
Summarize the plot of Dune. | Give me a summary of the plot of Dune
Write a poem about autumn. | Please write me a poem about autumn
Write a poem about autumn. | Could you write a poem about autumn?
Translate "good morning" to French. | Please translate "good morning" to French
Translate "good morning" to French. | Translate "good morning" into French
How do you say thank you in Japanese? | How do I say thank you in Japanese?
Tell me a joke | Please tell me a joke.
Tell me a joke | can you tell me a joke?
Give me tips for a job interview | What are some tips for a job interview?
My printer doesn't work. What should I do? | My printer does not work. What should I do?
My printer isn't working | My printer is not working
I can't log in | I cannot log in
I can't log in | I can not log in.
I've forgotten my password | I have forgotten my password
What colour is a banana? | What color is a banana?
What is my account balance? | What's my account balance?
What's the weather like in Paris today? | What is the weather like in Paris today?
Who's the president of Brazil? | Who is the president of Brazil?
Who is the president of Brazil? | Who is the current president of Brazil?
Who is Brazil's president? | Who is the president of Brazil?
What is the boiling point of water? | At what temperature does water boil?
Where can I buy stamps? | Where do I buy stamps?
Where can I buy stamps? | Where could I buy stamps?
Where can I watch Friends? | Where can I watch friends?
What should I eat before a marathon? | what to eat before a marathon
What does a product manager do? | What do product managers do?
What is the role of a product manager? | What does a product manager do?
What is the purpose of life? | what's the purpose of life?
What happens if I don't pay taxes? | What happens if I do not pay taxes?
What would happen if the sun disappeared? | what would happen if the Sun disappeared
Does coffee contain caffeine? | Is there caffeine in coffee?
Are there bears in Iceland? | Do bears live in Iceland?
How do I apply for a passport? | How can I apply for a passport?
How do I apply for a passport? | how do i aply for a passport?
How do I enable two-factor authentication? | How can I enable two factor authentication?
How do I enable two-factor authentication? | How do I turn on two-factor authentication?
How do I set up email on my phone? | How do I setup e-mail on my phone?
How do I log in? | How can I log in?
Thanks, how do I export my data? | How do I export my data?
Hey there, can you help me export my data? | Can you help me export my data?
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

# One closed word, number, name, sign or ending is another one; languages without tables.
SUBTLE: Final = _pairs("""
Can I drink coffee before a blood test? | Can I drink coffee during a blood test?
What can I eat on a keto diet? | What can I eat without a keto diet?
How do I copy a file to a server? | How do I copy a file from a server?
Is the bus stop in front of the station? | Is the bus stop behind the station?
Who sits next to the driver? | Who sits opposite the driver?
How do I drive through the city centre? | How do I drive around the city centre?
What is it like to work for a startup? | What is it like to work with a startup?
Should I pay by Friday? | Should I pay before Friday?
Is the shop open until noon? | Is the shop open from noon?
What happened since the merger? | What happened before the merger?
Can I fly over the bridge with a drone? | Can I fly under the bridge with a drone?
What's inside the house? | What's outside the house?
What lives above the ice? | What lives below the ice?
How many people live within the city limits? | How many people live beyond the city limits?
How do I log into Gmail? | How do I log out of Gmail?
Who voted for the bill? | Who voted against the bill?
How do I sum values per row? | How do I sum values across row?
How do I apply for this school? | How do I apply to this school?
What was said about the president? | What was said by the president?
Is it a letter to my landlord? | Is it a letter from my landlord?
How do I split the bill among us? | How do I split the bill between us?
Should the comma go inside the quotes? | Should the comma go outside the quotes?
Can I leave at 5? | Can I leave after 5?
Can I get in with a ticket? | Can I get in without a ticket?
What should I wear to a wedding? | What should I wear after a wedding?
What is tax on the books? | What is tax off the books?
How do I throw a ball at someone? | How do I throw a ball to someone?
Who shouted at him? | Who shouted to him?
What do people think of in the shower? | What do people think about in the shower?
What is a book by Darwin? | What is a book about Darwin?
Are there flights via Dubai? | Are there flights to Dubai?
Can I go past the gate? | Can I go to the gate?
How do I look up a friend? | How do I look after a friend?
How do I look for stars? | How do I look at stars?
How do I turn up the volume? | How do I turn down the volume?
How do I zoom in? | How do I zoom out?
How do I roll back a release? | How do I roll out a release?
How do I scale up a cluster? | How do I scale down a cluster?
How do I pick up someone? | How do I pick on someone?
How do I break up? | How do I break in?
How do I put on a meeting? | How do I put off a meeting?
How do I get over a relationship? | How do I get into a relationship?
How do I set up a budget? | How do I set aside a budget?
How do I take on weight? | How do I take off weight?
How do I opt in? | How do I opt out?
Do all birds fly? | Do most birds fly?
Do all birds fly? | Do some birds fly?
Do many people own guns? | Do few people own guns?
Is there any evidence for dark matter? | Is there enough evidence for dark matter?
Do both of my parents have to sign? | Do either of my parents have to sign?
Do both teams qualify? | Do neither teams qualify?
Can anyone join? | Can everyone join?
Can someone see my posts? | Can no one see my posts?
Do I need each of these documents? | Do I need any of these documents?
Should I eat more protein? | Should I eat less protein?
Should I drink more water? | Should I drink enough water?
Is much of it true? | Is all of it true?
Is half of the money mine? | Is all of the money mine?
Is it always safe to swim here? | Is it sometimes safe to swim here?
Is it always cold in Oslo? | Is it usually cold in Oslo?
Do cats often bite? | Do cats rarely bite?
Do cats often bite? | Do cats never bite?
Do you need a few eggs for this? | Do you need a lot of eggs for this?
What are a few ways to save money? | What are all ways to save money?
What are several causes of the war? | What are the causes of the war?
Did the company lose nearly 5 million? | Did the company lose over 5 million?
Is it at least 18 years? | Is it at most 18 years?
Does it take exactly an hour? | Does it take about an hour?
Do almost all banks charge this? | Do all banks charge this?
Can I only pay in cash? | Can I also pay in cash?
Can I even eat fruit? | Can I only eat fruit?
Is just one vote allowed? | Is more than one vote allowed?
Does it happen once a day? | Does it happen twice a day?
Do I have too many tabs open? | Do I have enough tabs open?
Is either side liable? | Is each side liable?
Do none of the planets have rings? | Do all of the planets have rings?
Can I file taxes online? | Must I file taxes online?
Can I file taxes online? | Should I file taxes online?
May I carry a knife? | Must I carry a knife?
Could a robot take my job? | Will a robot take my job?
Would you quit your job? | Should you quit your job?
Did the Fed raise rates? | Will the Fed raise rates?
Does Amazon sell books? | Did Amazon sell books?
Is John married? | Was John married?
Is the shop open on Sunday? | Will be the shop open on Sunday?
Are they in the house? | Were they in the house?
Has she finished? | Had she finished?
Have you ever use it? | Did you ever use it?
Do I need to tip? | Do I want to tip?
Do I have to wear a mask? | Do I want to wear a mask?
Am I allowed to park here? | Am I required to park here?
Am I allowed to park here? | Am I able to park here?
What did Romans eat? | What do Romans eat?
What happens when the bank fails? | What happened when the bank fails?
Who wins the election? | Who won the election?
Who is the king of Spain? | Who was the king of Spain?
Who will be the CEO of Twitter? | Who was the CEO of Twitter?
Should I take it? | Should not I take it?
How do you start smoking? | How do you stop smoking?
Why do people believe in witches? | Why did people believe in witches?
Why would he resign? | Why did he resign?
Where do you live? | Where did you live?
Who used to own this house? | Who owns this house?
What should go wrong on a first date? | What could go wrong on a first date?
What might I bring? | What must I bring?
Is he going to resign? | Is he able to resign?
What does he keep doing? | What does he stop doing?
What is being built there? | What is been built there?
Who killed Billy? | Who was killed by Billy?
Has the parcel been sent? | Has the parcel been sending?
What are you doing? | What are you done?
Is he dying? | Is he dead?
Is the house burning? | Is the house burned?
Who has been fired? | Who was being fired?
What is the best phone? | What is the worst phone?
What is the better phone? | What is the best phone?
What is a good phone? | What is a better phone?
What is the fastest animal? | What is the slowest animal?
What is the longest river? | What is the shortest river?
What is the oldest church? | What is the newest church?
What is the cheapest hotel? | What is the most expensive hotel?
What is the most popular sport? | What is the least popular sport?
What is the second biggest city in Brazil? | What is the biggest city in Brazil?
What is the highest score? | What is the lowest score?
What is the easiest language? | What is the hardest language?
What is the strongest metal? | What is the weakest metal?
What is the heaviest element? | What is the lightest element?
Is coffee healthier than tea? | Is coffee worse than tea?
Is gold heavier than lead? | Is gold lighter than lead?
Is he as tall as me? | Is he taller than me?
Is he taller than me? | Is he older than me?
Who is rich? | Who is richest?
Is it too hot? | Is it very hot?
Is it hot to run? | Is it too hot to run?
Is Python faster than Java? | Is Python easier than Java?
How early can I check in? | How late can I check in?
How far is the summit? | How high is the summit?
How deep is the river? | How wide is the river?
How long should I exercise? | How often should I exercise?
How long is a giraffe? | How tall is a giraffe?
How big is the moon? | How old is the moon?
How much is it? | How many is it?
How soon can I repeat it? | How often can I repeat it?
Which is sooner? | Which is later?
What is the first letter? | What is the last letter?
What is the next train? | What is the previous train?
What is the latest version? | What is the earliest version?
What is the minimum age? | What is the maximum age?
What is the upper limit? | What is the lower limit?
What is the left bank? | What is the right bank?
What is the inner ring? | What is the outer ring?
What is the north pole? | What is the south pole?
What is the former option? | What is the latter option?
Who is Apple? | What is Apple?
When was Mozart born? | Where was Mozart born?
When did Rome fall? | Why did Rome fall?
How do planes fly? | Why do planes fly?
How do I prune roses? | When do I prune roses?
Which book is it? | Whose book is it?
Where does the tour start? | When does the tour start?
Why do birds sing? | Where do birds sing?
How did you eat? | What did you eat?
What makes a good teacher? | Who makes a good teacher?
Where can I buy bitcoin? | How can I buy bitcoin?
Where should I buy bitcoin? | Why should I buy bitcoin?
When should I water a cactus? | How should I water a cactus?
What is love? | Why is love?
What is quantum entanglement? | How is quantum entanglement?
What time does it open? | What day does it open?
Is the sky blue? | Why is the sky blue?
Do vaccines work? | How do vaccines work?
Do cats purr? | Why do cats purr?
Can I become an astronaut? | How can I become an astronaut?
Should I learn Rust? | Why should I learn Rust?
Does the bank close? | When does the bank close?
Are there wolves in Germany? | Where are there wolves in Germany?
What is a tsunami? | What causes a tsunami?
What is the point? | What was the point?
Does he like me? | Does she like me?
Do they have a contract? | Do we have a contract?
Is this my fault? | Is this your fault?
How do I find my IP address? | How do I find someone's IP address?
How do I hack my phone? | How do I hack my girlfriend's phone?
How do I delete my account? | How do I delete his account?
How do I tell him the truth? | How do I tell her the truth?
How do I love myself? | How do I love him?
How can I help you? | How can I help me?
Can I see this? | Can you see this?
Can I see this? | Can they see this?
What did it do? | What did he do?
Is this correct? | Is that correct?
Are these mine? | Are those mine?
Why does my cat bite? | Why does her cat bite?
How do I make him laugh? | How do I make them laugh?
Do you sleep? | Do I sleep?
What should I do? | What should we do?
Are you alone? | Are we alone?
Is it mine? | Is it yours?
How do I protect myself? | How do I protect others?
Can my dog have fleas in winter? | Can a dog have fleas in winter?
Who are you? | Who are they?
What do men want? | What do women want?
Does his contract end? | Does their contract end?
Who is the president? | Who is a president?
What is the best movie ever? | What is the best movies ever?
Who are the best player of the year? | Who are the best players of the year?
What is a Bible? | What is the Bible?
Is time real? | Is the Times real?
What is a White House? | What is the White House?
Which country won? | Which countries won?
What are The Doors made of? | What are doors made of?
How do I give the finger? | How do I give a finger?
What are people called? | What are the people called?
What is the data? | What is the datum?
What are customs? | What are custom?
Where are my glasses? | Where are my glass?
What are arms made of? | What are arm made of?
What is a few of something? | What is few of something?
Do little children cry? | Do a little children cry?
Do few people know? | Do a few people know?
Are good taxed? | Are goods taxed?
Which new matters? | Which news matters?
How much is 15 percent of 200? | How much is 50 percent of 200?
How much is fifteen dollars in euros? | How much is fifty dollars in euros?
How much is thirteen in Roman numerals? | How much is thirty in Roman numerals?
Who won the first world war? | Who won the second world war?
Who won the 1st world war? | Who won the 2nd world war?
Who won World War I? | Who won World War II?
Who was Henry VII? | Who was Henry VIII?
Who was Pope John XXIII? | Who was Pope John XXII?
What is 1/2 cup in ml? | What is 1/3 cup in ml?
What is ½ cup in ml? | What is ⅓ cup in ml?
What is a half of 12? | What is a third of 12?
What is one half of 12? | What is one quarter of 12?
What is 10% of 50? | What is 10 of 50?
What is 5 miles in km? | What is 5.5 miles in km?
What is 1,000 times 3? | What is 1.000 times 3?
What is 1000 times 3? | What is 1,0000 times 3?
What is -5 squared? | What is 5 squared?
What is 5²? | What is 5³?
What is 2^8? | What is 2^9?
What is 3 + 4? | What is 3 - 4?
What is 3 * 4? | What is 3 / 4?
What is 3 plus 4? | What is 3 times 4?
What is 3 minus 4? | What is 3 divided by 4?
What is 12? | What is 1 2?
Is 5 < 7? | Is 5 > 7?
Is x >= 7 needed? | Is x > 7 needed?
Is x == 7 ok? | Is x != 7 ok?
What happened on May 5 1990? | What happened on May 15 1990?
What happened on 5/6/1990? | What happened on 6/5/1990?
What happened in 1990? | What happened in 1991?
What happened in the 1980s? | What happened in the 1990s?
What happened in the 19th century? | What happened in the 20th century?
What happened in 44 BC? | What happened in 44 AD?
What happens at 3 am? | What happens at 3 pm?
What happens at 3:15? | What happens at 3:50?
What is on at noon? | What is on at midnight?
Who works on Monday? | Who works on Tuesday?
What opens in June? | What opens in July?
What grows in spring? | What grows in fall?
What is 5 kg in stone? | What is 5 lb in stone?
What is 5 mg of salt? | What is 5 g of salt?
What is 5 km in steps? | What is 5 miles in steps?
What is 100 °C in kelvin? | What is 100 °F in kelvin?
What is 100 C in kelvin? | What is 100 F in kelvin?
What is 5 MB per second? | What is 5 Mb per second?
What is 5 mW of power? | What is 5 MW of power?
What is 5 days notice? | What is 5 weeks notice?
What is $5 in yen? | What is €5 in yen?
What is $5 in yen? | What is £5 in yen?
What is 5 USD in yen? | What is 5 CAD in yen?
What is 100 rupees in dollars? | What is 100 rubles in dollars?
What is 1 million divided by 7? | What is 1 billion divided by 7?
What is 1M divided by 7? | What is 1B divided by 7?
What is 5k run time? | What is 5m run time?
What is new in Python 3.10? | What is new in Python 3.1?
What is new in Python 3.11? | What is new in Python 3.12?
What is new in Java 8? | What is new in Java 11?
What is new in v1.2.3? | What is new in v1.2.4?
What is new in iPhone 14? | What is new in iPhone 14 Pro?
What is a dozen of eggs? | What is a score of eggs?
What is a single room? | What is a double room?
What is a double bypass? | What is a triple bypass?
What is twice 12? | What is three times 12?
Should I take it once daily? | Should I take it three times daily?
What is HTTP 401? | What is HTTP 403?
What is port 80? | What is port 8080?
What is room 101A? | What is room 101B?
What is CO? | What is CO2?
What is a 4-door car? | What is a 2-door car?
What is vitamin B6? | What is vitamin B12?
What is vitamin C? | What is vitamin D?
What is hepatitis A? | What is hepatitis B?
What is type 1 diabetes? | What is type 2 diabetes?
What is type one diabetes? | What is type two diabetes?
What is two many? | What is too many?
What is phase II? | What is phase III?
What is chapter iv about? | What is chapter vi about?
What is 0.1 plus 2? | What is .01 plus 2?
What is 1e3? | What is 1e4?
What is 0x10 in binary? | What is 10 in binary?
Is minus five even? | Is five even?
Is zero a prime? | Is one a prime?
What are the 3 best apps? | What are the 5 best apps?
What are the three best apps? | What are the five best apps?
What are the best apps? | What are the three best apps?
What are the top apps? | What are the top 10 apps?
How do I lose weight in a month? | How do I lose weight in two months?
How do I lose 10 pounds fast? | How do I lose pounds fast?
How do I earn money in a day? | How do I earn money in one thousand day?
What is the 9/11 story? | What is the 7/11 story?
What are the odds of 1 in 5? | What are the odds of 1 in 6?
Who won 2:1? | Who won 1:2?
Who won 3-2? | Who won 2-3?
Is it half past six? | Is it quarter past six?
Is it quarter to six? | Is it quarter past six?
Who is José? | Who is Josie?
Who is Müller? | Who is Muller?
Who is Peter Schmidt? | Who is Petra Schmidt?
Who is J. Smith? | Who is K. Smith?
Who is J. K. Rowling? | Who is J. R. Rowling?
Who is George W. Bush? | Who is George H. W. Bush?
Who is Bush? | Who is Bush Jr.?
Who is Michael Obama? | Who is Michelle Obama?
Who is Mr Brown? | Who is Mrs Brown?
Who is Mr. Brown? | Who is Dr. Brown?
What is Austria? | What is Australia?
What is Iran? | What is Iraq?
What is Niger? | What is Nigeria?
What is Slovenia? | What is Slovakia?
What is Mali? | What is Malawi?
What is Guinea? | What is Guyana?
What is North Korea? | What is South Korea?
What is West Virginia known for? | What is East Virginia known for?
What is Virginia known for? | What is West Virginia known for?
What is the capital of Georgia? | What is the capital of Georgia the country?
What is New York? | What is York?
What is New Mexico? | What is Mexico?
What is turkey? | What is Turkey?
What is china? | What is China?
What is polish? | What is Polish?
What is march? | What is March?
What is apple? | What is Apple?
What is windows? | What is Windows?
What is who? | What is WHO?
What is us policy? | What is US policy?
What is aids? | What is AIDS?
What is AND in logic? | What is and in logic?
What is May in English? | What is may in English?
What is the job of a job? | What is the job of a Job?
Who reads Time? | Who reads time?
What is java? | What is JavaScript?
What is Java? | What is JavaScript?
What is React? | What is React Native?
What is Excel? | What is Access?
What is MySQL? | What is MSSQL?
What is C? | What is C++?
What is C++? | What is C#?
What is F? | What is F#?
What is .NET? | What is net?
What is Node? | What is Node.js?
What is Go? | What is go?
What is R programming? | What is r programming?
What is Vue 3? | What is vue.js 3?
What is Yahoo!? | What is Yahoo Serious?
What is A blood? | What is A+ blood?
What is A+ blood? | What is A- blood?
What is A* search? | What is A search?
What is Google? | What is Google+?
What is Disney? | What is Disney+?
What is AT&T? | What is T&T?
What is CIA? | What is FBI?
What is HSV? | What is HPV?
What is MLA style? | What is APA style?
What is St. Louis? | What is St. Lucia?
Is ann a common name? | Is anna a common name?
Is maria rich? | Is mario rich?
is messi retired | is ronaldo retired
does walmart sell guns | does target sell guns
what is the weather in paris | what is the weather in london
who is modi | who is gandhi
is hillary honest | is trump honest
how far is mars | how far is venus
Can cats eat dogs? | Can dogs eat cats?
Is Ann taller than Bob? | Is Bob taller than Ann?
Did Germany invade Poland? | Did Poland invade Germany?
How do I convert miles to kilometers? | How do I convert kilometers to miles?
How do I translate English to French? | How do I translate French to English?
How do I get from Paris to Lyon? | How do I get from Lyon to Paris?
How do I get to Paris from Lyon? | How do I get to Lyon from Paris?
Why do men hate women? | Why do women hate men?
Is a virus smaller than a cell? | Is a cell smaller than a virus?
Does money buy happiness? | Does happiness buy money?
Do students teach teachers? | Do teachers teach students?
What if the dog bites the man? | What if the man bites the dog?
How does A depend on B? | How does B depend on A?
Is red wine better than white wine? | Is white wine better than red wine?
Should the husband obey the wife? | Should the wife obey the husband?
What is the father of the son? | What is the son of the father?
What is a house dog? | What is a dog house?
What is a horse race? | What is a race horse?
What is milk chocolate? | What is chocolate milk?
What is the king's wife? | What is the wife's king?
Can I lend money to a friend? | Can I get money lent by a friend?
Do I owe him? | Do I have him owe me?
Why does she love me? | Why does I love her?
Is it work to live? | Is it live to work?
What is a blue light in a red room? | What is a red light in a blue room?
Should I eat before I train? | Should I train before I eat?
If it rains, is the grass wet? | If the grass is wet, does it rain?
What if Biden replaced Harris? | What if Harris replaced Biden?
How much do nurses earn more than teachers? | How much do teachers earn more than nurses?
What is 5 minus 3? | What is 3 minus 5?
How do I replace tabs with spaces? | How do I replace spaces with tabs?
How do I merge dev into main? | How do I merge main into dev?
Can landlords sue tenants? | Can tenants sue landlords?
Who was Caesar killed by? | Who was killed by Caesar?
Who did Brutus kill? | Who killed Brutus?
Who does she love? | Who loves her?
What eats snakes? | What do snakes eat?
Which teams beat Spain? | Which teams did Spain beat?
What does `rm -r` do? | What does `rm -f` do?
What does rm -r do? | What does rm -R do?
What does rm -r dir do? | What does rm -f dir do?
What does ls -l do? | What does ls -L do?
What does git reset --hard do? | What does git reset --soft do?
What does git pull do? | What does git push do?
What does git push do? | What does git push -f do?
What does grep -v do? | What does grep do?
What does [a-z] match? | What does [A-Z] match?
What does [a-z]+ match? | What does [a-z]* match?
What does \\d+ match? | What does \\D+ match?
What does ^a match? | What does a$ match?
What does .* match? | What does .*? match?
What does (a) match? | What does (?:a) match?
What is in /etc/passwd? | What is in /etc/shadow?
What is in ~/bin? | What is in /bin?
What is in C:\\Temp? | What is in D:\\Temp?
What is in ./a.txt? | What is in ../a.txt?
What is in a.txt? | What is in b.txt?
What is in a.py? | What is in a.pyc?
What is in foo_bar? | What is in foo_baz?
What is in fooBar? | What is in foobar?
What is in x.y? | What is in x->y?
What is on http://a.com? | What is on https://a.com?
What is on a.com? | What is on a.org?
What is on a.com/x? | What is on a.com/y?
What is on a.com/x?id=1? | What is on a.com/x?id=2?
What is on a.com/#top? | What is on a.com/#end?
What is i++? | What is ++i?
What is a && b? | What is a || b?
What is a & b? | What is a && b?
What is = in JS? | What is == in JS?
What is == in JS? | What is === in JS?
What is a[0]? | What is a[1]?
What is *p in C? | What is &p in C?
What is int* p in C? | What is int** p in C?
What is x <- y? | What is x -> y?
What is <b> in HTML? | What is <i> in HTML?
What is <br> in HTML? | What is </br> in HTML?
What is "x" in JSON? | What is "y" in JSON?
What is {} in JSON? | What is [] in JSON?
What is @a on Twitter? | What is #a on Twitter?
Who owns a@b.com? | Who owns c@b.com?
What does print do? | What does printf do?
What does len(x) do? | What does len(y) do?
What does map do? | What does filter do?
What does SELECT do? | What does DELETE do?
What does LEFT JOIN do? | What does RIGHT JOIN do?
What does INNER JOIN do? | What does OUTER JOIN do?
What does chmod +x do? | What does chmod -x do?
What does chmod 755 do? | What does chmod 775 do?
What does 'a' mean in bash? | What does "a" mean in bash?
What does $x mean? | What does %x mean?
What does !x mean in Python? | What does x mean in Python?
What does ~x mean? | What does x mean?
What does x? mean in Swift? | What does x! mean in Swift?
What does a mean in calculus? | What does a' mean in calculus?
What does . mean in a shell? | What does .. mean in a shell?
What does > do in bash? | What does >> do in bash?
What does 2>&1 do? | What does 1>&2 do?
What does & do in bash? | What does && do in bash?
What does $? mean in bash? | What does $! mean in bash?
What does := do in Go? | What does = do in Go?
What does -> mean? | What does => mean?
What does // do in Python? | What does / do in Python?
What does ** do in Python? | What does * do in Python?
What does % do in C? | What does %% do in C?
What does ; do in Vim? | What does : do in Vim?
What is camelCase? | What is CamelCase?
How do I escape ' in SQL? | How do I escape " in SQL?
How do I type é? | How do I type è?
How do I type ß? | How do I type ss?
How do I type –? | How do I type -?
How do I type a? | How do I type A?
How do I use tf-idf here? | How do I use tf here?
What is x-1? | What is x+1?
Is it possible to time travel? | Is it impossible to time travel?
Is it legal to jaywalk? | Is it illegal to jaywalk?
Is he happy? | Is he unhappy?
Is it regular? | Is it irregular?
Is it complete? | Is it incomplete?
Is she honest? | Is she dishonest?
Is it fiction? | Is it nonfiction?
Is it stop? | Is it non-stop?
Is it toxic? | Is it non-toxic?
Is it safe to eat raw eggs? | Is it unsafe to eat raw eggs?
Is it moral? | Is it immoral?
Is it moral? | Is it amoral?
Is it typical? | Is it atypical?
Is it social? | Is it antisocial?
Is it logical? | Is it illogical?
How do I install Steam? | How do I uninstall Steam?
How do I lock my phone? | How do I unlock my phone?
How do I follow people? | How do I unfollow people?
How do I connect it? | How do I disconnect it?
How do I activate it? | How do I deactivate it?
How do I mute a call? | How do I unmute a call?
How do I zip a file? | How do I unzip a file?
How do I do this? | How do I undo this?
How do I do this? | How do I redo this?
How do I encode base64? | How do I decode base64?
How do I encrypt a file? | How do I decrypt a file?
How do I increase it? | How do I decrease it?
How do I code it? | How do I decode it?
How do I appear? | How do I disappear?
How do I use it? | How do I misuse it?
How do I read it? | How do I misread it?
Is it estimated? | Is it overestimated?
Is it overrated? | Is it underrated?
Why is Pluto a planet? | Why isn't Pluto a planet?
Why can penguins fly? | Why can't penguins fly?
Why can penguins fly? | Why cannot penguins fly?
Why can penguins fly | Why cant penguins fly
Why should I vote? | Why shouldn't I vote?
Why do we sleep? | Why don't we sleep?
Why do we sleep | Why dont we sleep
Why did he call | Why didnt he call
Why won't it start? | Why will it start?
Isn't he rich? | Is he rich?
Don't you like it? | Do you like it?
What if I never sleep? | What if I ever sleep?
What if I hardly sleep? | What if I sleep?
What if I barely sleep? | What if I sleep?
What if I seldom sleep? | What if I often sleep?
What if I no longer sleep? | What if I sleep?
What if nobody votes? | What if everybody votes?
What if nothing works? | What if something works?
What if nowhere is safe? | What if somewhere is safe?
What works except this? | What works including this?
What works except for Chrome? | What works Chrome?
What works unless it rains? | What works if it rains?
What works but not this? | What works not this?
Can I travel without a passport? | Can I travel with a passport?
Can I travel sans a passport? | Can I travel with a passport?
Is it free of sugar? | Is it full of sugar?
Is it sugar? | Is it sugar-free?
Is it harmful? | Is it harmless?
Is it useful? | Is it useless?
Is it careful? | Is it careless?
Is it not true? | Is it true?
Is it not only true? | Is it only true?
What should you never eat? | What should you eat?
What foods lack iron? | What foods have iron?
What foods avoid iron? | What foods contain iron?
Do I fail with 50? | Do I pass with 50?
Did he refuse to go? | Did he agree to go?
Did he deny it? | Did he admit it?
Did he forget it? | Did he remember it?
Did he fail to pay? | Did he pay?
Can I ignore it? | Can I read it?
Is it true? | Is it false?
Is it right? | Is it wrong?
Is the user logged in? | Is the user logged out?
Is it neither of them? | Is it either of them?
Are there no bears in Iceland? | Are there bears in Iceland?
Is it far from easy? | Is it easy?
Is he dead? | Is he alive?
Is he guilty? | Is he innocent?
How do I gain weight? | How do I lose weight?
How do I buy a house? | How do I sell a house?
How do I open an account? | How do I close an account?
How do I push a door? | How do I pull a door?
How do I accept it? | How do I reject it?
How do I borrow money? | How do I lend money?
How do I rent a flat? | How do I rent out a flat?
How do I import data? | How do I export data?
How do I upload a photo? | How do I download a photo?
How do I show files? | How do I hide files?
How do I charge it? | How do I discharge it?
How do I win chess? | How do I lose chess?
How do I freeze meat? | How do I thaw meat?
How do I heat a room? | How do I cool a room?
How do I raise a desk? | How do I lower a desk?
How do I save money? | How do I spend money?
How do I send money? | How do I receive money?
How do I hire someone? | How do I fire someone?
How do I marry him? | How do I divorce him?
How do I attack in chess? | How do I defend in chess?
How do I ask a question? | How do I answer a question?
How do I create a group? | How do I delete a group?
How do I create a group? | How do I join a group?
How do I join a group? | How do I leave a group?
How do I backup it? | How do I restore it?
How do I start it? | How do I restart it?
How do I update it? | How do I upgrade it?
How do I update it? | How do I delete it?
How do I copy it? | How do I move it?
How do I compile it? | How do I interpret it?
How do I subscribe? | How do I unsubscribe?
Is it hot? | Is it cold?
Is it public? | Is it private?
Is it male? | Is it female?
Is it cheap? | Is it expensive?
Is it full? | Is it empty?
Is it rich? | Is it poor?
Is it early? | Is it late?
Is it wet? | Is it dry?
Is it sync? | Is it async?
Is it mutable? | Is it immutable?
Is it day? | Is it night?
Is it inbound? | Is it outbound?
Is it upstream? | Is it downstream?
Is it hyperthyroidism? | Is it hypothyroidism?
Is it macroeconomics? | Is it microeconomics?
Is it intramural? | Is it intermural?
Is it prenatal? | Is it postnatal?
Is it homozygous? | Is it heterozygous?
Is it endothermic? | Is it exothermic?
Is it monogamy? | Is it polygamy?
Is it subscript? | Is it superscript?
Is it ascending? | Is it descending?
Is it horizontal? | Is it vertical?
Is it import? | Is it export?
Is it employer? | Is it employee?
Is it client? | Is it server?
Is it debit? | Is it credit?
Is it asset? | Is it liability?
Is it affect? | Is it effect?
Is it principal? | Is it principle?
Is it their? | Is it there?
Is it lose? | Is it loose?
Is it desert? | Is it dessert?
Is it stationary? | Is it stationery?
Is it then? | Is it than?
Is it its? | Is it it's?
Is it your? | Is it you're?
What color is a lemon? | What color is a lime?
What is the salary of a nurse? | What is the salary of a doctor?
What is a synonym of big? | What is a antonym of big?
What is the cause of fear? | What is the effect of fear?
What is the price of freedom? | What is the cost of freedom?
What are the pros of it? | What are the cons of it?
What are the advantages of it? | What are the disadvantages of it?
What is the meaning of the word? | What is the origin of the word?
Is it cats and dogs? | Is it cats or dogs?
Should I take A and B? | Should I take A or B?
Should I take tea or milk? | Should I take tea with milk?
Is it true if he said so? | Is it true because he said so?
Is it true because he said so? | Is it true although he said so?
Is it safe if cooked? | Is it safe even if cooked?
Is it safe if cooked? | Is it safe only if cooked?
Is it safe while cooking? | Is it safe after cooking?
Is it safe when cooked? | Is it safe until cooked?
Is it not all bad? | Is it all not bad?
Did he only eat fish? | Did he eat only fish?
Do only cats purr? | Do cats only purr?
Is it almost done? | Is it done?
Is it already open? | Is it still open?
Is it still open? | Is it open?
Is it yet open? | Is it open?
Is it open again? | Is it open?
Is it open today? | Is it open tomorrow?
Is it open now? | Is it open later?
Is it open here? | Is it open there?
Is it open too? | Is it open?
Is it open daily? | Is it open weekly?
Is it open instead? | Is it open?
Is there life elsewhere? | Is there life anywhere?
What else can I do? | What can I do?
What more can I do? | What can I do?
What is the same thing? | What is the opposite thing?
What is another word for it? | What is a word for it?
What is the other side? | What is the side?
What is the average income? | What is the median income?
What is the gross income? | What is the net income?
What is an electric car? | What is a car?
What is a used car? | What is a new car?
What are famous quotes by Gandhi? | What are quotes by Gandhi?
What are legal drugs? | What are drugs?
What are some side effects of aspirin? | What are the side effects of aspirin?
What is the current population of India? | What is the population of India?
What was the original name of Istanbul? | What was the name of Istanbul?
How do I get rid of facial hair? | How do I get rid of hair?
How do I learn to speak Chinese? | How do I learn to write Chinese?
How do I learn English? | How do I learn English grammar?
How do I learn Python? | How do I learn Python quickly?
How do I learn Python for free? | How do I learn Python?
How do I learn Python at home? | How do I learn Python?
How do I learn Python by myself? | How do I learn Python?
How do I learn Python as a beginner? | How do I learn Python?
Where can I watch it online? | Where can I watch it?
What is love in psychology? | What is love?
What is love to you? | What is love?
What is the exact value of pi? | What is the approximate value of pi?
Can you explain a poem about rain? | Can you write a poem about rain?
Explain the French Revolution. | Summarize the French Revolution.
Write an essay about war. | Read an essay about war.
Write an essay about war. | Translate an essay about war.
Write a poem about war. | Write an essay about war.
Write a short poem about war. | Write a long poem about war.
Write a funny poem about war. | Write a sad poem about war.
Write a poem about war in English. | Write a poem about war in German.
Write a poem about war . | Write a poem about war , please no rhymes.
Explain how it works. | Explain briefly how it works.
Explain it to a child. | Explain it to an expert.
Explain it in one sentence. | Explain it in two sentences.
List the moons of Jupiter. | Count the moons of Jupiter.
Name moons of Jupiter. | Name all moons of Jupiter.
Is {x|y} prime | Tell me if {x|y} prime
Give me a joke. | Give me another joke.
Give me an example. | Give me examples.
Tell me a story. | Tell me one more story.
Tell me a story. | Don't tell me a story.
Please answer in French. | Never answer in French.
He did it? | He did it!
You are coming. | You are coming?
Really? | Really!
I feel great 😀 | I feel great 😢
Rate this: 👍 | Rate this: 👎
What does 😂 mean? | What does 😭 mean?
What does ❤️ mean? | What does 💔 mean?
What flag is 🇩🇪? | What flag is 🇫🇷?
What does 🙏🏻 mean? | What does 🙏🏿 mean?
What does ... mean? | What does . mean?
What does ! mean? | What does ? mean?
What does !! mean in chess? | What does ! mean in chess?
Let's eat, grandma! | Let's eat grandma!
No, wait! | No wait!
Stop, don't go? | Stop! Don't go?
What is a man-eating shark? | What is a man eating shark?
What is a re-sign? | What is a resign?
What is a recover? | What is a re-cover?
What is well called? | What is we'll called?
What is were called? | What is we're called?
What is hell called? | What is he'll called?
What is id called? | What is I'd called?
What is shell called? | What is she'll called?
What is wont called? | What is won't called?
What is ill called? | What is I'll called?
Is it the boys' room? | Is it the boy's room?
Is it the girl room? | Is it the girl's room?
What is "dog" in Latin? | What is dog in Latin?
What is (a, b) in maths? | What is [a, b] in maths?
What is a_b? | What is a-b?
What is #1? | What is 1?
What is ½? | What is 1 2?
What is µm? | What is mm?
What is ≤ called? | What is ≥ called?
What is ∩ called? | What is ∪ called?
What is α decay? | What is β decay?
What is é? | What is e?
Wie schalte ich den Dunkelmodus ein? | Wie schalte ich den Dunkelmodus aus?
Wie kann ich mein Konto öffnen? | Wie kann ich mein Konto schließen?
Wie komme ich nach Berlin? | Wie komme ich von Berlin?
Warum ist der Himmel blau? | Warum ist der Himmel nicht blau?
Was ist der Preis? | Was war der Preis?
Ist das mein Buch? | Ist das dein Buch?
Was kostet ein Bier? | Was kostet kein Bier?
Ist es besser? | Ist es schlechter?
Wer hat den Hund der Mann gebissen? | Wer hat der Hund den Mann gebissen?
Wer hat vierzehn Punkte? | Wer hat vierzig Punkte?
Was mache ich am Montag? | Was mache ich am Dienstag?
Was ist der See? | Was ist die See?
Wie heißt er? | Wie heißt sie?
Warum esse ich weniger? | Warum esse ich mehr?
Wo liegt Österreich? | Wo liegt Frankreich?
Comment ouvrir un compte ? | Comment fermer un compte ?
Comment augmenter mon salaire ? | Comment réduire mon salaire ?
Pourquoi le ciel est bleu ? | Pourquoi le ciel n'est pas bleu ?
Où est mon chien ? | Où est ton chien ?
C'est avant midi ? | C'est après midi ?
Puis-je venir avec mon chien ? | Puis-je venir sans mon chien ?
Quel est le meilleur film ? | Quel est le pire film ?
Est-ce plus cher ? | Est-ce moins cher ?
Qui a gagné ? | Qui avait gagné ?
Est-ce qu'il y a du pain ? | Est-ce qu'il y a de pain ?
J'ai deux chats, que faire ? | J'ai douze chats, que faire ?
¿Cómo abro una cuenta? | ¿Cómo cierro una cuenta?
¿Cómo activar el modo oscuro? | ¿Cómo desactivar el modo oscuro?
¿Por qué sí vienes? | ¿Por qué no vienes?
¿Puedo viajar con pasaporte? | ¿Puedo viajar sin pasaporte?
¿Cuál es el mejor libro? | ¿Cuál es el peor libro?
¿Dónde está mi perro? | ¿Dónde está tu perro?
¿Qué pasó antes de la guerra? | ¿Qué pasó después de la guerra?
¿Cuánto cuesta más? | ¿Cuánto cuesta menos?
Sí vienes, ¿qué hago? | Si vienes, ¿qué hago?
¿Cuántos años tienes? | ¿Cuántos anos tienes?
¿Es papa rico? | ¿Es papá rico?
¿Vienes? | ¡Vienes!
Come posso aprire un conto? | Come posso chiudere un conto?
Como abrir uma conta? | Como fechar uma conta?
O que é avô? | O que é avó?
如何打开深色模式？ | 如何关闭深色模式？
我能喝咖啡吗？ | 我不能喝咖啡吗？
北京在哪里？ | 南京在哪里？
怎么买房子？ | 怎么卖房子？
现在三点吗？ | 现在四点吗？
他是谁？ | 她是谁？
明天会下雨？ | 明天不会下雨？
怎么从北京到上海？ | 怎么从上海到北京？
Как включить тёмный режим? | Как выключить тёмный режим?
Можно ли с визы? | Можно ли без визы?
Почему небо синее? | Почему небо не синее?
Где мой паспорт? | Где твой паспорт?
Как купить дом? | Как продать дом?
Сколько стоит один билет? | Сколько стоит два билет?
Кто любит Анну? | Кто Анна любит?
Что было до войны? | Что было после войны?
डार्क मोड कैसे चालू करें? | डार्क मोड कैसे बंद करें?
क्या मैं दूध पी सकता हूँ? | क्या मैं पानी पी सकता हूँ?
मेरा भाई कौन है? | मेरा भाभी कौन है?
क्या यह सही है? | क्या यह गलत है?
मुझे नहीं जाना है | मुझे जाना है
ダークモードをオンにする方法は？ | ダークモードをオフにする方法は？
東京はどこですか？ | 京都はどこですか？
これは猫ですか？ | これは犬ですか？
다크 모드를 켜는 방법은? | 다크 모드를 끄는 방법은?
كيف أفتح الحساب؟ | كيف أغلق الحساب؟
האם זה טוב? | האם זה רע?
Πώς ανοίγω λογαριασμό; | Πώς κλείνω λογαριασμό;
Hoe zet ik het licht aan? | Hoe zet ik het licht uit?
Jak otworzyć konto? | Jak zamknąć konto?
Nasıl hesap açarım? | Nasıl hesap kapatırım?
Hur öppnar jag kontot? | Hur stänger jag kontot?
How do you say gato in English? | How do you say gata in English?
How do you say hello in French? | How do you say goodbye in French?
How do you say hello in French? | How do you say hello in Spanish?
What does {x} mean? | What does {y} mean?
What does (a|b) match? | What does (a|c) match?
What does a{2} match? | What does a{3} match?
What's the time difference from NY to LA? | What's the time in LA?
Who is older, Ann or Bob? | Who is younger, Ann or Bob?
Who is the author of It? | Who is the author of it?
Wer ist der Mann? | Wer ist die Frau?
Der Hund beißt den Mann, was tun? | Den Hund beißt der Mann, was tun?
What is the LCM of 4 and 6? | What is the GCD of 4 and 6?
Who was president after Obama? | Who was president after Trump?
Which is nearer to the Sun, Earth or Mars? | Which is farther from the Sun, Earth or Mars?
How do I get a US visa from India? | How do I get an Indian visa from the US?
Is it legal to own a gun in Texas? | Is it legal to own a gun in Utah?
What is the difference between A and B? | What is the difference of A and B?
How can I be a good manager? | How can I have a good manager?
How can I be a doctor? | How can I see a doctor?
How do I make a website? | How do I make a website popular?
How do I make money? | How do I make my money?
How to be loved? | How to love?
How to get hired? | How to hire?
How do I get paid? | How do I pay?
How do I get my car fixed? | How do I fix my car?
Why am I so tired? | Why am I so tiring?
Is this movie boring? | Is this movie bored?
Why is it interesting? | Why is it interested?
What is the first name of Obama? | What is the last name of Obama?
How do I see who viewed my profile? | How do I see whose profile I viewed?
How do I know if he likes me? | How do I know if I like him?
How do I know if I am pregnant? | How do I know if she is pregnant?
What is the best time to visit? | What is the best place to visit?
Is it better to rent or buy? | Is it better to buy?
Can I take ibuprofen with alcohol? | Can I take ibuprofen or alcohol?
How do you know that it is love? | How do you know what love is?
What is it like to be rich? | What do the rich like?
What are you like? | What do you like?
How are you? | How old are you?
How is the weather? | How is the weather forecast?
I can do it? | Can I do it?
You can fly. | Can you fly?
It is raining. | Is it raining?
I should go. | Should I go?
Tell me I am right | Tell me am I right
Tell me what you want | Tell me what I want
Say hi to him | Say hi to me
What is the word for dog? | What is the word dog for?
What is vitamin a good for? | What is vitamin b good for?
What is vitamin A good for? | What is vitamin good for?
What is the A team? | What is the team?
Is he an idiot? | Is he the idiot?
Why do Americans love hockey? | Why do Canadians love hockey?
Why do people who smoke cough? | Why do people that do not smoke cough?
How do people with legs drive? | How do people without legs drive?
What are the uses of Linux? | What are the users of Linux?
What are the side effects of caffeine? | What are the effects of caffeine?
How do I make a passport? | How do I fake a passport?
How do I cook lobster? | How do I eat lobster?
How does one become a pilot? | How does one marry a pilot?
How do I write a wrong? | How do I right a wrong?
Which is the best year? | Which was the best year?
Do dogs dream? | Do cats dream?
Why does Quora mark my question? | Why does Reddit mark my question?
What are the best places in Delhi? | What are the best things in Delhi?
How can I gain 10 kg in a month? | How can I lose 10 kg in a month?
How can I lose 10 kg in a month? | How can I lose 5 kg in a month?
How do I hack a WhatsApp account? | How do I protect a WhatsApp account?
What would happen if India attacked Pakistan? | What would happen if China attacked Pakistan?
Who would win a war between India and China? | Who would win a war between India and Pakistan?
Is it possible for India to beat China? | Is it possible for China to beat India?
How do you train a dog? | How do you retrain a dog?
What is the best way to study? | What is the best time to study?
What is the best way to study math? | What is the best way to teach math?
What is the best book to learn C? | What is the best course to learn C?
What is it like to date a doctor? | What is it like to be a doctor?
What is it like to work at Google? | What is it like to work with Google?
What's the interview process at Google? | What's the job process at Google?
How good is IIT Delhi? | How good is IIT Bombay?
What is the rest mass of a photon? | What is the mass of a photon?
Can I use a stamp? | Can I reuse a stamp?
Can I enter the US? | Can I re-enter the US?
Is Spain pre-war modern? | Is Spain post-war modern?
What was pre-war Berlin like? | What was post-war Berlin like?
What is the 3rd planet? | What is the third last planet?
What is the last planet? | What is the second last planet?
Is 0.5 enough? | Is 0.05 enough?
What is 1.5 times 2? | What is 15 times 2?
What is the 12-hour clock? | What is the 24-hour clock?
What is 10pm EST in GMT? | What is 10am EST in GMT?
What is 10 pm EST in GMT? | What is 10 pm PST in GMT?
What is 2020-01-02 a day of? | What is 2020-02-01 a day of?
What is on Jan 2? | What is on Feb 2?
What is on 2 Jan? | What is on 3 Jan?
What is in Q1? | What is in Q2?
What is in Section 2? | What is in Section 3?
What is the twenty-first letter? | What is the twenty-second letter?
What is the twenty rule? | What is the twenty-one rule?
What are the thirty days? | What are the forty days?
What is one hundred times 3? | What is two hundred times 3?
What is ninety plus 3? | What is nineteen plus 3?
What is sixty plus 3? | What is sixteen plus 3?
What is seventy plus 3? | What is seventeen plus 3?
What is a quarter of 8? | What is a half of 8?
What is a third of 8? | What is a fifth of 8?
What is two thirds of 8? | What is one third of 8?
Is Louis XIV dead? | Is Louis XVI dead?
Is Rocky II good? | Is Rocky III good?
Is Rocky 2 good? | Is Rocky 3 good?
Is Rocky good? | Is Rocky 2 good?
What is Windows 10? | What is Windows 11?
What is USB 2? | What is USB 3?
What is a Core i5? | What is a Core i7?
What is a Boeing 737? | What is a Boeing 747?
Who plays Sam? | Who plays Samuel?
Who is Van Gogh? | Who is Gogh?
Who is D. Trump? | Who is I. Trump?
Who is Trump? | Who is Trump Jr?
Who is Donald Trump? | Who is Ivanka Trump?
Is Anna's car red? | Is Anne's car red?
Is Anna friend here? | Is Anna's friend here?
Who is Ann's brother? | Who is the brother of Bob?
What did Ann say Bob did? | What did Bob say Ann did?
Did my mother call my father? | Did my father call my mother?
Does he love her? | Does she love him?
Does he know me? | Does I know him?
Are you older than me? | Are I older than you?
Why does my boyfriend ignore me? | Why does I ignore my boyfriend?
Why do I hate my mom? | Why do my mom hate me?
What can I do for you? | What can you do for me?
How do I know she loves me? | How do I know I love her?
Should I trust him? | Should he trust me?
When should I text her? | When should she text me?
Do girls like boys? | Do boys like girls?
Is the square in the circle? | Is the circle in the square?
Is A subset of B? | Is B subset of A?
Is x greater than y? | Is y greater than x?
Who beat Federer? | Who did Federer beat?
Who is Ann's boss? | Who is the boss Ann?
Which animals eat plants? | Which plants eat animals?
What do plants give animals? | What do animals give plants?
What follows A? | What does A follow?
What is a list of lists? | What are lists of a list?
Is heat from light lost? | Is light from heat lost?
Is a student's teacher old? | Is a teacher's student old?
Are all cats not black? | Are not all cats black?
Can only I see it? | Can I only see it?
Did even he cry? | Did he even cry?
Is it just fair? | Is it fair?
Is it quite ready? | Is it not quite ready?
Is it nearly free? | Is it free?
Is it partly true? | Is it fully true?
Is it mostly true? | Is it true?
Is it ever true? | Is it never true?
Is it once true? | Is it true?
Is it maybe true? | Is it surely true?
Is it also true? | Is it not true?
Is it enough? | Is it not enough?
Is it as good as gold? | Is it better than gold?
Is it less than ten? | Is it more than ten?
Is it under 18? | Is it over 18?
Is it up to 18? | Is it over 18?
Is it between us? | Is it beyond us?
Is it due to rain? | Is it despite rain?
Is it because of him? | Is it in spite of him?
Is it despite the law? | Is it because of the law?
Is it like a cat? | Is it unlike a cat?
Is it near Rome? | Is it far from Rome?
Is it along the road? | Is it across the road?
Is it on top of the box? | Is it beneath the box?
Is it apart from VAT? | Is it including VAT?
Is it plus tax? | Is it minus tax?
Is it regardless of age? | Is it depending on age?
Is it instead of rice? | Is it along with rice?
Is it whether he came? | Is it that he came?
Is it so that he came? | Is it such that he came?
Is it since May? | Is it until May?
Is it by May? | Is it until May?
Is it as a father? | Is it like a father?
How dare you? | How do you?
How come you sleep? | How do you sleep?
How ought I act? | How need I act?
You ought to act? | You need not act?
What needs be done? | What need not be done?
What is to be done? | What was to be done?
What has to be done? | What had to be done?
What can't be done? | What can be done?
What mustn't be done? | What must be done?
What needn't be done? | What needs be done?
What shouldn't I eat? | What should I eat?
What wouldn't you eat? | What would you eat?
What hasn't he eaten? | What has he eaten?
What aren't they? | What are they?
What doesn't kill you? | What does kill you?
What isnt legal? | What is legal?
What wasnt said? | What was said?
What couldnt he do? | What could he do?
What wouldnt he do? | What would he do?
What doesn’t kill you? | What does kill you?
What can’t I do? | What can I do?
What foods are low in carbs? | What foods are high in carbs?
What foods are rich in iron? | What foods are poor in iron?
What is nonlinear algebra? | What is linear algebra?
What is irrational fear? | What is rational fear?
What is unsupervised learning? | What is supervised learning?
What is disobedience? | What is obedience?
What is misinformation? | What is information?
What is antimatter? | What is matter?
What is counterintelligence? | What is intelligence?
What is deforestation? | What is forestation?
What is illiteracy? | What is literacy?
What is abnormal blood pressure? | What is normal blood pressure?
What is asymmetric encryption? | What is symmetric encryption?
What is extrovert? | What is introvert?
What is implicit typing? | What is explicit typing?
What is increasing? | What is decreasing?
What is inductive logic? | What is deductive logic?
What is outgoing mail? | What is incoming mail?
What is overweight? | What is underweight?
What is predecessor? | What is successor?
What is prefix? | What is suffix?
What is qualitative data? | What is quantitative data?
What is a landlord? | What is a tenant?
What is a lender? | What is a borrower?
What is a host? | What is a guest?
What is a predator? | What is a prey?
What is a noun? | What is a verb?
What is an uncle? | What is an aunt?
What is a niece? | What is a nephew?
What is a numerator? | What is a denominator?
What is a ceiling? | What is a floor?
What is a consonant? | What is a vowel?
What is a vertex? | What is a vertices?
What is a bacterium? | What is a bacteria?
What are criteria? | What are criterion?
Is my foot broken? | Is my feet broken?
Is my tooth white? | Is my teeth white?
Are mice smart? | Are mouse smart?
Is man evil? | Is men evil?
Is Man evil? | Is man evil?
Is hope dead? | Is Hope dead?
Is Faith dead? | Is faith dead?
Who likes Rose? | Who likes rose?
Who sells Dove? | Who sells dove?
Who sells Tide? | Who sells tide?
Who plays Doom? | Who plays doom?
Who watches Cheers? | Who watches cheers?
Who watches Friends? | Who watches friends?
What is Signal? | What is signal?
What is Telegram? | What is telegram?
What is Discord? | What is discord?
What is Notion? | What is notion?
What is Linear? | What is linear?
What is Docker? | What is docker?
What is Kindle? | What is kindle?
What is Pandas? | What is pandas?
What is Spring? | What is spring?
What is Django? | What is django?
What is a Pixel? | What is a pixel?
What is a Beetle? | What is a beetle?
What is a Jaguar? | What is a jaguar?
What is a Mustang? | What is a mustang?
What is the Matrix? | What is the matrix?
What is the Office? | What is the office?
What is the Sun? | What is the sun?
What is Mass? | What is mass?
What is Reading? | What is reading?
What is Nice? | What is nice?
What is Bath? | What is bath?
What is Man made of? | What is man made of?
What does a-b mean? | What does a - b mean?
What does x' mean? | What does x'' mean?
What does x+ mean? | What does x- mean?
What does x++ mean? | What does x-- mean?
What does ?x mean? | What does !x mean?
What does ? do in JS? | What does ?? do in JS?
What does ?. do in TS? | What does !. do in TS?
What does :: do in C++? | What does : do in C++?
What does #! do? | What does # do?
What does @ do? | What does @@ do?
What does __init__ do? | What does __new__ do?
What does self.x do? | What does self.y do?
What does -v do? | What does --version do?
What does -i do in grep? | What does -I do in grep?
What does ls -a do? | What does ls -A do?
What does cd .. do? | What does cd . do?
What does cd ~ do? | What does cd / do?
What does \\n do? | What does \\t do?
What does \\s match? | What does \\S match?
What does \\b match? | What does \\B match?
What does \\w match? | What does \\W match?
What does a+ match? | What does a* match?
What does a.b match? | What does a\\.b match?
What does (?=a) match? | What does (?!a) match?
What does (?i)a match? | What does (?s)a match?
What does [^a] match? | What does [a] match?
What does [ab] match? | What does [bc] match?
What does <= mean? | What does < mean?
What does ≠ mean? | What does = mean?
What does ∀ mean? | What does ∃ mean?
What does √2 equal? | What does ∛2 equal?
What does 5! equal? | What does 5 equal?
What does sin(x) equal? | What does cos(x) equal?
What does f(x) equal? | What does f(y) equal?
What does f'(x) equal? | What does f(x) equal?
What does log 2 equal? | What does ln 2 equal?
What does x_1 mean? | What does x_2 mean?
What does x1 mean? | What does x2 mean?
What does Na+ mean? | What does Na mean?
What does Fe2+ mean? | What does Fe3+ mean?
What does O2 do? | What does O3 do?
What does m/s mean? | What does m/h mean?
What does kWh mean? | What does kW mean?
What does mA mean? | What does MA mean?
What does mmol mean? | What does mol mean?
What does Pa mean? | What does PA mean?
What does ml mean? | What does ML mean?
What is 5 ml? | What is 5 ML?
What is 10 Gbps in MB? | What is 10 GBps in MB?
What is 10 Gb? | What is 10 GB?
What is 10 gb? | What is 10 GB?
What is 5 k? | What is 5 K?
What is 5° of arc? | What is 5' of arc?
What is 5" in cm? | What is 5' in cm?
What is 5'10" in cm? | What is 5'11" in cm?
What is 3x4? | What is 3x5?
What is #5? | What is #6?
What is №5? | What is №6?
What is A4 paper? | What is A5 paper?
What is US 8 in shoes? | What is UK 8 in shoes?
What is ¥100? | What is ₩100?
What is 100 ¢? | What is 100 $?
What is 100 kr? | What is 100 Kč?
What is 50% of 8? | What is 50‰ of 8?
What is +5 degrees? | What is -5 degrees?
What is ± 5? | What is + 5?
What is 192.168.0.1? | What is 192.168.1.1?
What is ::1? | What is ::2?
What is #fff? | What is #ffe?
What is /home/a? | What is /home/b?
What is $HOME? | What is $PATH?
What is %PATH%? | What is %HOME%?
What is a:b? | What is a;b?
What is a/b? | What is b/a?
What is and/or? | What is or?
What is he/she? | What is she?
Read: She left him. | Read: He left her.
Say yes. | Say no.
Do call me. | Don't call me.
Always call me. | Never call me.
Start the timer. | Stop the timer.
Turn it on. | Don't turn it on.
Turn it on. | Turn it off.
Turn on it. | Turn off it.
Set the alarm for 7. | Set the alarm to 7.
Set an alarm. | Set the alarm.
Set the alarm for 7. | Set the alarm for 8.
Delete all files. | Delete my files.
Delete all files. | Delete files.
Delete the file. | Delete the files.
Send him the money. | Send her the money.
Send Bob Ann's number. | Send Ann Bob's number.
Remind me to call mom. | Remind me not to call mom.
Remind me before lunch. | Remind me after lunch.
Translate it to French. | Translate it from French.
Translate "a" to "b". | Translate "b" to "a".
Sort ascending. | Sort descending.
Sort by name. | Sort by date.
Rewrite it in first person. | Rewrite it in third person.
Rewrite it in past tense. | Rewrite it in present tense.
Make it shorter. | Make it longer.
Make it more formal. | Make it less formal.
Make it formal. | Make it informal.
Summarize in 100 words. | Summarize under 100 words.
Summarize in 100 words. | Summarize in 200 words.
Summarize it as bullets. | Summarize it as a paragraph.
Use no emojis. | Use emojis.
Use tabs. | Use spaces.
Write with jokes. | Write without jokes.
Write me a letter. | Write him a letter.
Write a letter to my boss. | Write a letter from my boss.
Write a letter. | Write two letter.
Ich will gehen | Ich kann gehen
Was ist Hund auf Englisch? | Was ist Hunde auf Englisch?
Will er Auto kaufen? | Will er Autos kaufen?
Warum will er so viel? | Warum will er so viele?
Quiero comprar perro do mi | Quiero comprar perros do mi
Is dit huis of niet? | Is dit huizen of niet?
Has visto gato? | Has visto gatos?
Is het warm buiten? | Is het warmer buiten?
Was sagt er? | Was sagte er?
Do Polski? | Do Polska?
Kannst du mir helfen? | Kannst du mir nicht helfen?
Bitte öffne das | Bitte schließe das
Hai visto gatto? | Hai visto gatti?
No puedo dormir | No puede dormir
Can köpek uyur? | Can köpekler uyur?
Wie ist das Wetter? | Wie ist das Wasser?
Why do Indians hate him? | Why do Indian hate him?
Who is the Turkish man? | Who is the turkish man?
How do I trump it? | How do I Trump it?
How is polish made? | How is Polish made?
What does Bob's mean? | What does Bobs mean?
Is the left strong? | Is the Left strong?
Is mercury hot? | Is Mercury hot?
What is a Republican? | What is a republican?
Why is it that he left? | Why is it he left that?
What do you do when bored? | What do you do if bored?
What do you do when bored? | What do you do before bored?
What does one wear? | What do ones wear?
What does anybody know? | What does nobody know?
Is everything ok? | Is something ok?
Is everything ok? | Is nothing ok?
Who else knows? | Who knows?
Is he still here? | Is he no longer here?
Is he already here? | Is he not yet here?
Do I need one of them? | Do I need two of them?
Is it the one? | Is it one?
Can I have the other? | Can I have another?
Which of them won? | Which of us won?
What part of this is it? | What part of that is it?
What did those do? | What did these do?
What is hers? | What is his?
What is ours? | What is theirs?
Is somebody there? | Is anybody there?
Should each pay? | Should both pay?
Is whoever it is ok? | Is whatever it is ok?
How much sleep is ok? | How little sleep is ok?
How many are there? | How few are there?
How well does it work? | How badly does it work?
How quickly does it grow? | How slowly does it grow?
How easily does it break? | How hardly does it break?
How early is it? | How often is it?
How near is it? | How far is it?
How large is it? | How small is it?
How strong is it? | How weak is it?
How young is she? | How old is she?
How thick is it? | How thin is it?
How fast is it? | How slow is it?
How loud is it? | How quiet is it?
How hot is it? | How cold is it?
How dark is it? | How bright is it?
How hard is it? | How soft is it?
How likely is it? | How unlikely is it?
How common is it? | How rare is it?
Is it a one-way street? | Is it a two-way street?
Is it a full-time job? | Is it a part-time job?
Is it a short-term loan? | Is it a long-term loan?
Is it a left-handed glove? | Is it a right-handed glove?
Is it up-to-date? | Is it out-of-date?
Is it on-site? | Is it off-site?
Is it on-premise? | Is it off-premise?
Is it well-known? | Is it unknown?
Is it pre-tax? | Is it post-tax?
Is it self-employed? | Is it employed?
Is it read-only? | Is it write-only?
Is it co-owned? | Is it owned?
Is it ex-wife? | Is it wife?
What does my ex-wife get? | What does my wife get?
What does my ex wife get? | What does my wife get?
Is the vice president elected? | Is the president elected?
Is the step-mother liable? | Is the mother liable?
Is the grandmother liable? | Is the mother liable?
Is the great-grandfather alive? | Is the grandfather alive?
Who is the deputy director? | Who is the director?
Who is the former director? | Who is the director?
Who is the acting director? | Who is the director?
Who is the first lady? | Who is the lady?
Who is the youngest one? | Who is the oldest one?
What is the first half called? | What is the second half called?
What is half of it? | What is twice of it?
What happens every day? | What happens every other day?
What happens every two days? | What happens every three days?
What happens a day before? | What happens two days before?
What happens last week? | What happens next week?
What happens this week? | What happens next week?
What happened a year ago? | What happened an hour ago?
What happened ago? | What happened before?
What happens in an hour? | What happens in a day?
What happens in the morning? | What happens in the evening?
What happens weekly? | What happens monthly?
What happens annually? | What happens biannually?
What happens biweekly? | What happens weekly?
What happens at dawn? | What happens at dusk?
What happens on weekdays? | What happens on weekends?
What happens on Easter? | What happens on Christmas?
What happened on 11 September? | What happened on 9 November?
What is 11/9? | What is 9/11?
What is 12/31? | What is 12/30?
What is 1/4? | What is 1/8?
What is 3:4? | What is 4:3?
What is 16:9? | What is 16:10?
What is 4K? | What is 8K?
What is 1080p? | What is 720p?
What is 2D? | What is 3D?
What is 3G? | What is 4G?
What is B1 English? | What is B2 English?
What is G20? | What is G7?
What is F1? | What is F2?
What is M1 Mac? | What is M2 Mac?
What is x86? | What is x64?
What is RS-232? | What is RS-485?
What is COVID-19? | What is COVID-20?
What is C-3? | What is C-4?
What is T1 time? | What is T2 time?
What is Type A person? | What is Type B person?
What is class A share? | What is class B share?
What is Plan A? | What is Plan B?
What is option a? | What is option b?
What is grade a beef? | What is grade beef?
What is an A grade? | What is a B grade?
What is MI5? | What is MI6?
What is Article V? | What is Article IV?
What is Super Bowl L? | What is Super Bowl LI?
What is WWI? | What is WWII?
What is WW1? | What is WW2?
What is ISO 9001? | What is ISO 27001?
What is RFC 822? | What is RFC 2822?
What is CVE-2021-1? | What is CVE-2021-2?
What is § 5? | What is § 6?
What is 10^3? | What is 10^-3?
What is 10⁻³? | What is 10³?
What is H₂O? | What is H₃O?
What is x²? | What is x³?
What is log2 of 8? | What is log10 of 8?
What is a×b? | What is a÷b?
What is a·b? | What is a×b?
What is a ± b? | What is a + b?
What is a ⊂ b? | What is a ⊃ b?
What is a → b? | What is a ← b?
What is a ∧ b? | What is a ∨ b?
What is ¬a? | What is a?
What is a' in logic? | What is a in logic?
What is a%b? | What is a/b?
What is 1..5? | What is 1...5?
What is [1,2]? | What is [2,1]?
What is (1, 2)? | What is (2, 1)?
What is 1, 2? | What is 2, 1?
What is (1,5]? | What is [1,5]?
What is "a,b"? | What is "a b"?
What is f(a,b)? | What is f(b,a)?
What is a-b? | What is b-a?
What is a(b+c)? | What is ab+c?
What is 2(3+4)? | What is 2*3+4?
What is --x? | What is -x?
What is x--? | What is x?
What is <a> in HTML? | What is </a> in HTML?
What is &lt;? | What is &gt;?
What is \\\\ in C? | What is \\ in C?
What is /* in C? | What is // in C?
What is # in Markdown? | What is ## in Markdown?
What is *a* in Markdown? | What is **a** in Markdown?
What is _a_ in Markdown? | What is a in Markdown?
What is 👨? | What is 👩?
What is 👍🏻? | What is 👍?
What is :D? | What is :P?
What is xD? | What is XD?
What is <3? | What is </3?
What is ^_^? | What is -_-?
Is he well? | Is he Well?
You can do it! | You can't do it!
You are good. | You are no good.
We won! | We lost!
I am fine. | I am not fine.
I have a cat. | I had a cat.
I have a cat. | I have no cat.
I like it. | I like him.
I gave her it. | I gave him it.
The dog bit the man. | The man bit the dog.
Dogs eat cats. | Dogs cats eat.
Tell me about Rome. | Tell him about Rome.
Tell me about Rome. | Tell me Rome.
Tell me who it is. | Tell me what it is.
Tell me why he died. | Tell me how he died.
Tell me when he died. | Tell me where he died.
Tell me if he died. | Tell me if she died.
Tell me if he died. | Tell me if he lives.
Explain why it rains. | Explain how it rains.
Explain to a child. | Explain like a child.
Explain to me gravity. | Explain to him gravity.
Describe a day. | Describe your day.
Describe yourself. | Describe me.
Compare cats and dogs. | Compare cats and cows.
Define affect. | Define effect.
Define "a". | Define "b".
Name a president. | Name the president.
Name one president. | Name two president.
Name the largest city. | Name a large city.
List the files. | List my files.
List five files. | List six files.
List files in this folder. | List files outside this folder.
Find x. | Find y.
Solve x+1=2. | Solve x-1=2.
Solve x+1=2. | Solve x+2=1.
Solve x>1. | Solve x<1.
Calculate 1+2*3. | Calculate (1+2)*3.
Calculate 1 + 2. | Calculate 1 × 2.
Write code. | Write a code.
Write a test. | Write tests.
Write in C. | Write in C++.
Is it possible to sleep? | Is it possible not to sleep?
Is it possible for me to vote? | Is it possible for him to vote?
Is it possible to see it? | Is it possible to hear it?
Is it possible to see it? | Is it legal to see it?
Where can I buy it? | Where should I buy it?
Where can I buy it? | Where did I buy it?
Where can I buy it? | Where can he buy it?
Where do you buy it? | Where do they buy it?
What should I eat? | What should he eat?
What should I eat? | What would I eat?
What should I do? | What should I be?
I've seen it? | I'd seen it?
I'll go? | I'd go?
They 're lost. | They 've lost.
What is 5 percent mille? | What is 5 per mille?
What is 5% of it? | What is 5 percentage points of it?
In 1951 he moved to Paris from London. | In 1951 he moved to London from Paris.
Ann and not Bob won. | Bob and not Ann won.
He was born in Rome and died in Oslo. | He was born in Oslo and died in Rome.
The red car hit the blue van. | The blue car hit the red van.
The album was recorded in 1990 and released in 1992. | The album was released in 1990 and recorded in 1992.
Is the Ohio River a tributary of the Mississippi River? | Is the Mississippi River a tributary of the Ohio River?
What is the east end of the north road? | What is the north end of the east road?
Was the play based on the film? | Was the film based on the play?
Did Smith succeed Jones as mayor? | Did Jones succeed Smith as mayor?
Who replaced Ann as Bob's boss? | Who replaced Bob as Ann's boss?
In which year did he sell it? | In which he did sell it year?
How do I get a job in US from India? | How do I get a job in India from US?
Can a US citizen marry an Indian? | Can an Indian marry a US citizen?
How do I tell my boss about my friend? | How do I tell my friend about my boss?
How much water is in wine? | How much wine is in water?
Why is milk in tea? | Why is tea in milk?
Can I put hot water in a cold glass? | Can I put cold water in a hot glass?
What big cat is a small dog? | What small cat is a big dog?
What is the old name of the new city? | What is the new name of the old city?
In Paris, what is the capital of France? | In Paris what is the capital of France?
In Java, how do I call Python? | In Python, how do I call Java?
With a dog, can I get a cat? | With a cat, can I get a dog?
For my wife, is my boss good? | For my boss, is my wife good?
On a Mac, how do I run Windows? | On Windows, how do I run a Mac?
At work, how do I think of home? | At home, how do I think of work?
During the war what happened in peace? | During peace what happened in the war?
Is money in love? | Is love in money?
Is life with pain real? | Is pain with life real?
What is work for money? | What is money for work?
What is a meal for a dog? | What is a dog for a meal?
Is tea with milk ok? | Is milk with tea ok?
What is a man in a box? | What is a box in a man?
""")

# Several lines, code, and names that look like the plural of another one.
_CODE: Final = _pairs(r"""
if a:\n    b()\n    c() | if a:\n    b()\nc()
Fix this:\nfor x in y:\n  foo(x)\n  bar(x) | Fix this:\nfor x in y:\n  foo(x)\nbar(x)
What does this YAML mean?\na: 1\n  b: 2 | What does this YAML mean?\na: 1\nb: 2
Which item is on top?\n- fruit\n  - apple | Which item is on top?\n- fruit\n- apple
Explain:\nx = y\nz | Explain:\nx = y z
Foo(x) | foo(x)
Please explain Foo(x) to me | Please explain foo(x) to me
CamelCase = 1 | camelcase = 1
How does HTTPS work in my new project? | How does HTTP work in my new project?
How do I use https in my new project? | How do I use http in my new project?
How do I use LDAPS in my new project? | How do I use LDAP in my new project?
How do I use pandas in my new project? | How do I use panda in my new project?
How do I use rails in my new project? | How do I use rail in my new project?
How do I use futures in my new project? | How do I use future in my new project?
""")
CODE: Final = [(one.replace("\\n", "\n"), other.replace("\\n", "\n")) for one, other in _CODE]

# Where words themselves are asked about, or are names, no other word stands for them.
MENTIONS: Final = _pairs("""
How do I say please in Japanese? | How do I say thanks in Japanese?
In Korean, how do you say thank you? | In Korean, how do you say please?
What is Spanish for please? | What is Spanish for thanks?
Translate to German: please | Translate to German: thanks
Is please polite? | Is thanks polite?
What does actually mean? | What does basically mean?
What is the meaning of so? | What is the meaning of ever?
What is the past tense of begin? | What is the past tense of start?
What is the plural of kid? | What is the plural of child?
What is a synonym for start? | What is a synonym for begin?
What is the opposite meaning of big? | What is the opposite meaning of large?
What rhymes with big? | What rhymes with large?
How do you spell car? | How do you spell automobile?
How do you spell cat? | How do you spell cats?
How do you spell can't? | How do you spell cannot?
How do you spell colour? | How do you spell color?
How do I pronounce photo? | How do I pronounce photograph?
How many letters are in movie? | How many letters are in film?
How many syllables are in quick? | How many syllables are in rapid?
Use quick in a sentence. | Use rapid in a sentence.
What is the origin of the word lawyer? | What is the origin of the word attorney?
What is the etymology of doctor? | What is the etymology of physician?
What does end stand for? | What does finish stand for?
What is car in Spanish? | What is automobile in Spanish?
Rewrite this: I start work. | Rewrite this: I begin work.
Who sang Start Me Up? | Who sang Begin Me Up?
Who directed Big Fish? | Who directed Large Fish?
Who plays in Doctor Strange? | Who plays in Physician Strange?
Who wrote The Film Club? | Who wrote The Movie Club?
How tall is Big Ben? | How tall is Large Ben?
Where is the Hard Rock hotel? | Where is the Difficult Rock hotel?
What is the derivative of xⁿ? | What is the derivative of xn?
What is the limit of xₙ? | What is the limit of xn?
How much is 1½ cups? | How much is 11⁄2 cups?
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
    "subtle": SUBTLE,
    "code": CODE,
    "mentions": MENTIONS,
}
