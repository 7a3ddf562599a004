"""The hello pair, written the way a program for ValveSockets-CSharp is; README.md has the C# beside it."""
